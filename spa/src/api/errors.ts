/** Why a call to the API failed, shaped by what the user can do next. */
export type ApiErrorKind =
  /** No answer: offline, the API is down, or it does not let this origin in. */
  | "unreachable"
  /** The token was refused and a fresh one too. Sign in again. */
  | "sign_in_required"
  /** Entra ID asks for more (a second factor, say). Sign in with `claims`. */
  | "claims_challenge"
  /** The token lacks the permission, or the caller is not let in. */
  | "forbidden"
  /** Busy, or something behind the API is. Try again after `retryAfterSeconds`. */
  | "busy"
  /** Anything else. */
  | "failed";

interface ApiErrorDetails {
  readonly kind: ApiErrorKind;
  readonly message: string;
  readonly status?: number;
  readonly code?: string | null;
  readonly requestId?: string | null;
  readonly claims?: string | null;
  readonly retryAfterSeconds?: number | null;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly kind: ApiErrorKind;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The API's own stable code. */
  readonly code: string | null;
  /** Names this request in the API's logs. */
  readonly requestId: string | null;
  /** Base64, as the API sent it. Only with `claims_challenge`. */
  readonly claims: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(details: ApiErrorDetails) {
    super(details.message, { cause: details.cause });
    this.kind = details.kind;
    this.status = details.status ?? 0;
    this.code = details.code ?? null;
    this.requestId = details.requestId ?? null;
    this.claims = details.claims ?? null;
    this.retryAfterSeconds = details.retryAfterSeconds ?? null;
  }
}
