import type { BackgroundAccess, BackgroundStatus, SweepFailure } from "../../api/types";

export interface StatusText {
  readonly badge: string;
  readonly headline: string;
  readonly detail: string;
}

export function describeStatus(status: BackgroundStatus): StatusText {
  switch (status) {
    case "active":
      return {
        badge: "Active",
        headline: "The service can act for you",
        detail: "While you are away it refreshes your profile on your behalf, with no more rights than you have.",
      };
    case "failing":
      return {
        badge: "Retrying",
        headline: "The last turn did not work",
        detail: "The service tries again by itself. There is nothing you need to do.",
      };
    case "needs_user":
      return {
        badge: "Needs you",
        headline: "The service needs you",
        detail: "It has stopped acting for you until this is solved.",
      };
    case "none":
      return {
        badge: "Off",
        headline: "The service does not act for you",
        detail: "It keeps nothing of yours. It acts for you only if you ask it to.",
      };
  }
}

/** What a sweep's outcome means. An outcome this page does not know yet is shown as the API names it. */
export function describeOutcome(outcome: string): string {
  return OUTCOMES[outcome] ?? outcome.replaceAll("_", " ");
}

const OUTCOMES: Readonly<Record<string, string>> = {
  acted: "Profile refreshed; something had changed",
  unchanged: "Profile refreshed; nothing had changed",
  throttled: "Put off: too many requests",
  retry_later: "Put off: a service was not available",
  skipped: "Left out: another turn was under way",
  credential_fault: "Put off: the service itself was not let in",
  ended: "Ended by you",
  needs_user: "Stopped: you are needed",
  missing_tokens: "Stopped: your stored sign-in is gone",
};

export interface Need {
  readonly reason: string;
  /** False when no sign-in can help, only an administrator. */
  readonly solvedBySigningIn: boolean;
}

/**
 * Why the user is needed, in their terms. By Entra ID's error number, else by its `suberror`
 * (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>), else in the API's words.
 */
export function describeNeed(failure: SweepFailure | null): Need {
  return {
    reason:
      BY_CODE[failure?.code ?? ""] ??
      BY_SUBERROR[failure?.suberror ?? ""] ??
      failure?.message ??
      "Microsoft Entra ID wants you to sign in again.",
    solvedBySigningIn: !(failure?.suberror === "message_only" || failure?.code === "AADSTS50057"),
  };
}

const BY_CODE: Readonly<Record<string, string>> = {
  AADSTS50173: "Your sign-ins were revoked, or your password was changed, after the service last acted for you.",
  AADSTS50076: "Your organisation now asks for a second factor.",
  AADSTS50078: "Your second factor was given too long ago.",
  AADSTS50079: "Your organisation wants you to set up a second factor.",
  AADSTS50158: "Your organisation asks for one more check.",
  AADSTS50055: "Your password has expired.",
  AADSTS50057: "Your account is disabled. Your administrator can enable it.",
  AADSTS53000: "Your organisation wants you to use a device it manages.",
  AADSTS53003: "A rule of your organisation blocks access.",
  AADSTS65001: "You have not agreed to what the service may do for you.",
  AADSTS70043: "Your sign-in has reached the age your organisation allows.",
  AADSTS70044: "Your session has reached the age your organisation allows.",
  AADSTS700082: "The service has not been used for so long that your sign-in ran out.",
  AADSTS700084: "Your sign-in has reached the end of its fixed life.",
};

const BY_SUBERROR: Readonly<Record<string, string>> = {
  basic_action: "Microsoft Entra ID wants you to sign in again.",
  additional_action: "Microsoft Entra ID asks for one more step.",
  consent_required: "You have not agreed to what the service may do for you.",
  user_password_expired: "Your password has expired.",
  message_only: "Microsoft Entra ID refuses access. Your administrator can tell you why.",
  bad_token: "Your stored sign-in is no longer accepted.",
  token_expired: "Your stored sign-in ran out.",
};

/** One sentence for screen readers when a refresh brings news; null when it does not. */
export function describeChange(before: BackgroundAccess | undefined, after: BackgroundAccess): string | null {
  if (!before) {
    return null;
  }
  if (before.status !== after.status) {
    const { badge, headline } = describeStatus(after.status);
    return `Status is now ${badge}. ${headline}.`;
  }
  if (after.lastSweep && before.lastSweep?.at !== after.lastSweep.at) {
    return `New sweep: ${describeOutcome(after.lastSweep.outcome)}.`;
  }
  return null;
}
