import { ApiError } from "./errors";
import { parseChallenges, parseRetryAfter } from "./headers";
import type { Answer, BackgroundAccess, PathOf, Problem, Profile } from "./types";

/** Gets a bearer token. With `forceRefresh` it must not be one that was given before. */
export type TokenSource = (options?: { forceRefresh?: boolean }) => Promise<string>;

export interface ApiClient {
  readonly profile: (signal?: AbortSignal) => Promise<Profile>;
  readonly backgroundAccess: (signal?: AbortSignal) => Promise<BackgroundAccess>;
  readonly endBackgroundAccess: () => Promise<void>;
}

/**
 * The API over fetch. Every method rejects with `ApiError`, with whatever `getToken` rejects with, or with the abort reason.
 *
 * A token that the API calls invalid is replaced once without asking the user: it may have been revoked early, or the API's
 * exchange of it may have gone stale.
 */
export function createApiClient(baseUrl: string, getToken: TokenSource): ApiClient {
  const send = async (method: string, path: string, token: string, signal?: AbortSignal): Promise<Response> => {
    try {
      return await fetch(`${baseUrl}${path}`, {
        method,
        headers: { Accept: "application/json, application/problem+json", Authorization: `Bearer ${token}` },
        cache: "no-store",
        ...(signal && { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new ApiError({ kind: "unreachable", message: `No answer from ${new URL(baseUrl).host}.`, cause });
    }
  };

  const call = async (method: string, path: string, signal?: AbortSignal): Promise<Response> => {
    let response = await send(method, path, await getToken(), signal);
    if (isInvalidToken(response)) {
      response = await send(method, path, await getToken({ forceRefresh: true }), signal);
    }
    if (!response.ok) {
      throw await errorFrom(response);
    }
    return response;
  };

  const read = async <Path extends PathOf<"get">>(path: Path, signal?: AbortSignal): Promise<Answer<Path>> => {
    const response = await call("GET", path, signal);
    const value: unknown = await response.json().catch(() => null);
    signal?.throwIfAborted();
    if (typeof value !== "object" || value === null) {
      throw new ApiError({
        kind: "failed",
        status: response.status,
        message: `Expected JSON from ${path}, got something else. Is apiBaseUrl in config.json the API's address?`,
      });
    }
    return value as Answer<Path>;
  };

  return {
    profile: (signal) => read("/api/profile", signal),
    backgroundAccess: (signal) => read("/api/background-access", signal),
    endBackgroundAccess: async () => {
      await call("DELETE", "/api/background-access" satisfies PathOf<"delete">);
    },
  };
}

function isInvalidToken(response: Response): boolean {
  return response.status === 401 && bearerChallenge(response)?.error === "invalid_token";
}

function bearerChallenge(response: Response): Readonly<Record<string, string>> | null {
  const challenges = parseChallenges(response.headers.get("WWW-Authenticate")).filter(
    (challenge) => challenge.scheme === "bearer",
  );
  return (challenges.find(({ parameters }) => parameters.claims) ?? challenges[0])?.parameters ?? null;
}

async function errorFrom(response: Response): Promise<ApiError> {
  const problem = await readProblem(response);
  const about = {
    status: response.status,
    code: problem.code ?? null,
    requestId: problem.requestId ?? null,
    message: problem.detail ?? problem.title ?? `The API answered ${response.status}.`,
  };
  const challenge = bearerChallenge(response);
  if (response.status === 401) {
    // RFC 6750 has no `insufficient_claims`; Microsoft's claims challenge adds it together with `claims`.
    return challenge?.error === "insufficient_claims" && challenge.claims
      ? new ApiError({ ...about, kind: "claims_challenge", claims: challenge.claims })
      : new ApiError({ ...about, kind: "sign_in_required" });
  }
  if (response.status === 403) {
    return new ApiError({ ...about, kind: "forbidden", code: about.code ?? challenge?.error ?? null });
  }
  const retryAfterSeconds = parseRetryAfter(response.headers.get("Retry-After"), new Date());
  const busy = BUSY.has(response.status) || retryAfterSeconds !== null;
  return new ApiError({ ...about, kind: busy ? "busy" : "failed", retryAfterSeconds });
}

const BUSY = new Set([429, 502, 503, 504]);

/** The members of a problem+json body (RFC 9457) that are texts. A body of another kind, such as a proxy's page, is empty. */
async function readProblem(response: Response): Promise<Problem> {
  if (!/^application\/(problem\+)?json\b/i.test(response.headers.get("Content-Type") ?? "")) {
    return {};
  }
  const value: unknown = await response.json().catch(() => null);
  if (typeof value !== "object" || value === null) {
    return {};
  }
  return Object.fromEntries(Object.entries(value).filter(([, member]) => typeof member === "string"));
}
