import { ApiError } from "../api/errors";
import { asksForNewSignInOnly, claimsFromChallenge } from "../auth/claimsChallenge";
import { SignInRequiredError, describeSignInProblem } from "../auth/errors";

/** A failure in the user's terms: what happened, and the one thing to do about it. */
export interface Failure {
  readonly title: string;
  readonly detail: string;
  /** For a support request: the API's code and the request's id. */
  readonly reference: string | null;
  readonly remedy: SignInRemedy | { readonly kind: "retry"; readonly afterSeconds: number } | { readonly kind: "none" };
}

export interface SignInRemedy {
  readonly kind: "sign_in";
  readonly label: string;
  readonly claims: string | null;
  readonly askConsent: boolean;
}

export function describeFailure(error: unknown): Failure {
  if (error instanceof SignInRequiredError) {
    return { ...(error.need === "consent" ? agree() : signInWith(error.claims)), reference: null };
  }
  if (error instanceof ApiError) {
    const reference = [error.code, error.requestId && `request ${error.requestId}`].filter(Boolean).join(" · ") || null;
    return { ...describeApiError(error), reference };
  }
  const { title, detail } = describeSignInProblem(error);
  return { title, detail, reference: null, remedy: { kind: "retry", afterSeconds: 0 } };
}

type Described = Omit<Failure, "reference">;

function describeApiError(error: ApiError): Described {
  switch (error.kind) {
    case "unreachable":
      return {
        title: "The API cannot be reached",
        detail: `${error.message} It may be down or starting, or your connection may be. Try again in a moment.`,
        remedy: { kind: "retry", afterSeconds: 0 },
      };
    case "sign_in_required":
      return error.code === "consent_required" ? agree() : signInWith(null);
    case "claims_challenge":
      return moreProof(claimsFromChallenge(error.claims));
    case "forbidden":
      return {
        title: "You do not have access",
        detail:
          error.code === "insufficient_scope"
            ? "This page was set up without the permission for that. Whoever runs it can add it to the page's settings."
            : asSentence(error.message),
        remedy: { kind: "none" },
      };
    case "busy":
    case "failed": {
      const known = BY_CODE[error.code ?? ""] ?? {
        title: error.kind === "busy" ? "The service is busy" : "That did not work",
        detail: asSentence(error.message),
      };
      return { ...known, remedy: { kind: "retry", afterSeconds: error.retryAfterSeconds ?? 0 } };
    }
  }
}

/** What lies behind a code of the API, for its user. What is not here is told in the API's own words. */
const BY_CODE: Readonly<Record<string, { readonly title: string; readonly detail: string }>> = {
  graph_unavailable: {
    title: "Microsoft Graph does not answer",
    detail: "Your data comes from there. Your sign-in is fine and nothing is lost; try again in a moment.",
  },
  entra_unavailable: {
    title: "Microsoft Entra ID does not answer",
    detail: "The service needs it to act for you. Your sign-in is fine and nothing is lost; try again in a moment.",
  },
  throttled: {
    title: "Too many requests just now",
    detail: "Microsoft asks the service to slow down. Nothing is lost; try again a little later.",
  },
  application_rejected: {
    title: "The service is not let in",
    detail:
      "Microsoft refuses the service's own credentials. Whoever runs it has to mend that; there is nothing wrong with you or your account.",
  },
};

function signInWith(claims: string | null): Described {
  if (claims !== null) {
    return moreProof(claims);
  }
  return {
    title: "Sign in again",
    detail: "Your sign-in has ended, or Microsoft Entra ID wants to see you again. Nothing is lost.",
    remedy: { kind: "sign_in", label: "Sign in again", claims: null, askConsent: false },
  };
}

function moreProof(claims: string | null): Described {
  if (asksForNewSignInOnly(claims)) {
    return {
      title: "Sign in again",
      detail:
        "Your sign-in was ended, by you or your administrator, or because your password changed. Nothing is lost.",
      remedy: { kind: "sign_in", label: "Sign in again", claims, askConsent: false },
    };
  }
  return {
    title: "One more step is needed",
    detail: "Your organisation asks for more proof that it is you, such as a second factor, before it goes on.",
    remedy: { kind: "sign_in", label: "Continue", claims, askConsent: false },
  };
}

function agree(): Described {
  return {
    title: "Your agreement is needed",
    detail: "You have not agreed, or no longer agree, to what this app may do for you. Continue to read it and decide.",
    remedy: { kind: "sign_in", label: "Continue", claims: null, askConsent: true },
  };
}

/** The API's texts begin small and end without a full stop, as they are made to follow a colon. */
function asSentence(text: string): string {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
