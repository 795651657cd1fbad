/** A user's profile as Microsoft Graph tells it. A value the directory does not hold is null. */
export interface Profile {
  readonly displayName: string | null;
  readonly givenName: string | null;
  readonly surname: string | null;
  readonly userPrincipalName: string | null;
  readonly jobTitle: string | null;
  readonly department: string | null;
  readonly city: string | null;
  readonly country: string | null;
  readonly employeeId: string | null;
}

export type BackgroundStatus = "none" | "active" | "failing" | "needs_user";

/** What the service does for the user while they are away. Times are ISO 8601, UTC. */
export interface BackgroundAccess {
  readonly status: BackgroundStatus;
  readonly lastActivity: string | null;
  readonly lastSweep: { readonly at: string; readonly outcome: string } | null;
  readonly nextSweep: string | null;
  readonly failure: SweepFailure | null;
  readonly profile: (Profile & { readonly refreshedAt: string }) | null;
}

export interface SweepFailure {
  readonly class: string;
  /** Entra ID's number, such as AADSTS50173. */
  readonly code: string | null;
  readonly suberror: string | null;
  readonly message: string;
  /** A claims challenge in base64, to be answered by signing in with it. */
  readonly claims: string | null;
  readonly at: string;
  readonly attempts: number;
}
