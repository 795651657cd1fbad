import { HttpResponse, http } from "msw";
import { describe, expect, test, vi } from "vitest";
import { API, problem, profile, server } from "../testing/server";
import { type TokenSource, createApiClient } from "./client";
import type { ApiError } from "./errors";

const getToken = () => vi.fn<TokenSource>((options) => Promise.resolve(options?.forceRefresh ? "fresh" : "cached"));

function answer(response: () => Response) {
  server.use(http.get(`${API}/api/profile`, response));
}

async function failure(tokens: TokenSource = getToken()): Promise<ApiError> {
  const error: unknown = await createApiClient(API, tokens)
    .profile()
    .then(
      () => null,
      (reason: unknown) => reason,
    );
  expect(error).toMatchObject({ name: "ApiError" });
  return error as ApiError;
}

describe("a call that works", () => {
  test("carries the bearer token and gives the answer", async () => {
    let authorization: string | null = null;
    server.use(
      http.get(`${API}/api/profile`, ({ request }) => {
        authorization = request.headers.get("Authorization");
        return HttpResponse.json(profile);
      }),
    );
    expect(await createApiClient(API, getToken()).profile()).toEqual(profile);
    expect(authorization).toBe("Bearer cached");
  });

  test("ends background access with an empty answer", async () => {
    await expect(createApiClient(API, getToken()).endBackgroundAccess()).resolves.toBeUndefined();
  });
});

describe("a token the API calls invalid", () => {
  test("is replaced once, silently", async () => {
    server.use(
      http.get(`${API}/api/profile`, ({ request }) =>
        request.headers.get("Authorization") === "Bearer fresh"
          ? HttpResponse.json(profile)
          : problem(401, {}, { "WWW-Authenticate": 'Bearer error="invalid_token"' }),
      ),
    );
    const tokens = getToken();
    expect(await createApiClient(API, tokens).profile()).toEqual(profile);
    expect(tokens.mock.calls).toEqual([[], [{ forceRefresh: true }]]);
  });

  test("means signing in again when the fresh one is refused too, without a third try", async () => {
    let calls = 0;
    answer(() => {
      calls += 1;
      return problem(401, { detail: "Expired." }, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
    });
    expect(await failure()).toMatchObject({ kind: "sign_in_required", status: 401, message: "Expired." });
    expect(calls).toBe(2);
  });
});

describe("error answers", () => {
  test("a claims challenge keeps its claims and is not retried with the same token", async () => {
    let calls = 0;
    answer(() => {
      calls += 1;
      return problem(401, {}, { "WWW-Authenticate": 'Bearer error="insufficient_claims", claims="e30="' });
    });
    expect(await failure()).toMatchObject({ kind: "claims_challenge", claims: "e30=" });
    expect(calls).toBe(1);
  });

  test("a challenge without claims, or none at all, asks for a sign-in", async () => {
    answer(() => problem(401, {}, { "WWW-Authenticate": 'Bearer error="insufficient_claims"' }));
    expect(await failure()).toMatchObject({ kind: "sign_in_required" });
    answer(() => problem(401, {}));
    expect(await failure()).toMatchObject({ kind: "sign_in_required" });
  });

  test("403 says what is missing", async () => {
    answer(() =>
      problem(
        403,
        { detail: "The token lacks Profile.Read.", code: "insufficient_scope", requestId: "r-1" },
        { "WWW-Authenticate": 'Bearer error="insufficient_scope"' },
      ),
    );
    expect(await failure()).toMatchObject({
      kind: "forbidden",
      code: "insufficient_scope",
      requestId: "r-1",
      message: "The token lacks Profile.Read.",
    });
  });

  test.each([429, 503])("%i is busy, for as long as Retry-After says", async (status) => {
    answer(() => problem(status, { title: "Busy" }, { "Retry-After": "17" }));
    expect(await failure()).toMatchObject({ kind: "busy", status, retryAfterSeconds: 17, message: "Busy" });
  });

  test("503 without Retry-After is busy for an unknown time", async () => {
    answer(() => problem(503, {}));
    expect(await failure()).toMatchObject({ kind: "busy", retryAfterSeconds: null });
  });

  test("an error that is not problem+json still has a message", async () => {
    answer(() => HttpResponse.html("<h1>Bad gateway</h1>", { status: 500 }));
    expect(await failure()).toMatchObject({ kind: "failed", message: "The API answered 500." });
    answer(() => new HttpResponse("{", { status: 500, headers: { "Content-Type": "application/problem+json" } }));
    expect(await failure()).toMatchObject({ kind: "failed", message: "The API answered 500." });
    answer(() => problem(500, { detail: 5, code: null }));
    expect(await failure()).toMatchObject({ kind: "failed", code: null, message: "The API answered 500." });
  });

  test("no answer is unreachable, and names the host", async () => {
    answer(() => HttpResponse.error());
    expect(await failure()).toMatchObject({ kind: "unreachable", status: 0, message: "No answer from api.test." });
  });

  test("a page where JSON should be points at the address in the settings", async () => {
    answer(() => HttpResponse.html("<!doctype html>"));
    expect(await failure()).toMatchObject({ kind: "failed", message: expect.stringContaining("apiBaseUrl") as string });
  });
});

test("what the token source rejects with is passed on", async () => {
  const reason = new Error("sign in");
  await expect(createApiClient(API, () => Promise.reject(reason)).profile()).rejects.toBe(reason);
});

test("an aborted call rejects with the abort, not as unreachable", async () => {
  const controller = new AbortController();
  const call = createApiClient(API, getToken()).profile(controller.signal);
  controller.abort();
  await expect(call).rejects.toMatchObject({ name: "AbortError" });
});
