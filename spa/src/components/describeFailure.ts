import { ApiError } from "../api/errors";
import { claimsFromChallenge } from "../auth/claimsChallenge";
import { SignInRequiredError, describeSignInProblem } from "../auth/errors";

/** A failure in the user's terms: what happened, and the one thing to do about it. */
export interface Failure {
  readonly title: string;
  readonly detail: string;
  /** For a support request: the API's code and the request's id. */
  readonly reference: string | null;
  readonly remedy:
    | { readonly kind: "sign_in"; readonly label: string; readonly claims: string | null }
    | { readonly kind: "retry"; readonly afterSeconds: number }
    | { readonly kind: "none" };
}

export function describeFailure(error: unknown): Failure {
  if (error instanceof SignInRequiredError) {
    return {
      title: "Sign in again",
      detail: "Your sign-in has ended or needs one more step. Nothing is lost.",
      reference: null,
      remedy: { kind: "sign_in", label: "Sign in again", claims: error.claims },
    };
  }
  if (error instanceof ApiError) {
    return describeApiError(error);
  }
  const { title, detail } = describeSignInProblem(error);
  return { title, detail, reference: null, remedy: { kind: "retry", afterSeconds: 0 } };
}

function describeApiError(error: ApiError): Failure {
  const reference = [error.code, error.requestId && `request ${error.requestId}`].filter(Boolean).join(" · ") || null;
  switch (error.kind) {
    case "unreachable":
      return {
        title: "The API cannot be reached",
        detail: `${error.message} It may be down or starting, or your connection may be.`,
        reference,
        remedy: { kind: "retry", afterSeconds: 0 },
      };
    case "sign_in_required":
      return {
        title: "Sign in again",
        detail: error.message,
        reference,
        remedy: { kind: "sign_in", label: "Sign in again", claims: null },
      };
    case "claims_challenge":
      return {
        title: "One more step is needed",
        detail: "Your organisation asks for more proof of who you are, such as a second factor, before it goes on.",
        reference,
        remedy: { kind: "sign_in", label: "Continue", claims: claimsFromChallenge(error.claims) },
      };
    case "forbidden":
      return { title: "You do not have access", detail: error.message, reference, remedy: { kind: "none" } };
    case "busy":
      return {
        title: error.status === 429 ? "Too many requests" : "The service is busy",
        detail: error.message,
        reference,
        remedy: { kind: "retry", afterSeconds: error.retryAfterSeconds ?? 0 },
      };
    case "failed":
      return {
        title: "That did not work",
        detail: error.message,
        reference,
        remedy: { kind: "retry", afterSeconds: 0 },
      };
  }
}
