import { AuthError, BrowserAuthError, BrowserAuthErrorCodes, InteractionRequiredAuthError } from "@azure/msal-browser";

/** What the user has to do: agree to the permissions, or sign in, with more proof where claims ask for it. */
export type SignInNeed = "sign_in" | "consent";

/** No token can be had without the user: the next step is theirs. */
export class SignInRequiredError extends Error {
  override readonly name = "SignInRequiredError";
  readonly need: SignInNeed;
  /** Claims (JSON) that the sign-in has to ask for, when Entra ID named any. */
  readonly claims: string | null;

  constructor(need: SignInNeed = "sign_in", claims: string | null = null, options?: ErrorOptions) {
    super("Sign in again to go on.", options);
    this.need = need;
    this.claims = claims;
  }
}

/** What to tell the user about a failed sign-in. `cancelled` means that they chose it: no alarm is due. */
export interface SignInProblem {
  readonly cancelled: boolean;
  readonly title: string;
  readonly detail: string;
}

/** A failed silent request in the terms of this app: only what the user can solve becomes `SignInRequiredError`. */
export function fromSilentFailure(error: unknown): unknown {
  if (error instanceof InteractionRequiredAuthError) {
    const consent = error.errorCode === "consent_required" || error.subError === "consent_required";
    return new SignInRequiredError(consent ? "consent" : "sign_in", error.claims || null, { cause: error });
  }
  // The hidden frame got no answer, as happens when the browser blocks the sign-in cookie in frames.
  if (error instanceof BrowserAuthError && error.errorCode === BrowserAuthErrorCodes.timedOut) {
    return new SignInRequiredError("sign_in", null, { cause: error });
  }
  return error;
}

export function isPopupBlocked(error: unknown): boolean {
  return error instanceof BrowserAuthError && POPUP_BLOCKED.has(error.errorCode);
}

const POPUP_BLOCKED = new Set<string>([BrowserAuthErrorCodes.popupWindowError, BrowserAuthErrorCodes.emptyWindowError]);

const CANCELLED = new Set<string>([
  BrowserAuthErrorCodes.userCancelled,
  BrowserAuthErrorCodes.interactionInProgressCancelled,
  "access_denied",
]);

const UNREACHABLE = new Set<string>([
  BrowserAuthErrorCodes.noNetworkConnectivity,
  BrowserAuthErrorCodes.postRequestFailed,
  BrowserAuthErrorCodes.getRequestFailed,
  "network_error",
  "endpoints_resolution_error",
  "openid_config_error",
]);

export function describeSignInProblem(error: unknown): SignInProblem {
  if (!(error instanceof AuthError)) {
    return {
      cancelled: false,
      title: "Sign-in did not work",
      detail: error instanceof Error ? error.message : "Try again.",
    };
  }
  if (CANCELLED.has(error.errorCode)) {
    return {
      cancelled: true,
      title: "Sign-in was cancelled",
      detail: "Nothing has changed. Sign in when you are ready.",
    };
  }
  if (error.errorCode === BrowserAuthErrorCodes.timedOut) {
    return {
      cancelled: true,
      title: "The sign-in window gave no answer",
      detail: "It was closed or left open too long. Try again, or sign in on this page instead.",
    };
  }
  if (UNREACHABLE.has(error.errorCode)) {
    return {
      cancelled: false,
      title: "The sign-in service cannot be reached",
      detail: "Check your connection and try again.",
    };
  }
  return {
    cancelled: false,
    title: "Sign-in did not work",
    detail: `${firstLine(error.errorMessage) || "No reason was given."} (${error.errorCode})`,
  };
}

/** Entra ID's messages go on for lines with ids and times, and MSAL puts some before; the first says what happened. */
function firstLine(text: string): string {
  return (
    text
      .slice(Math.max(0, text.search(/AADSTS\d+:/)))
      .split(/\r?\n| Trace ID:/)[0]
      ?.trim() ?? ""
  );
}
