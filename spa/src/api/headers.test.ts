import { describe, expect, test } from "vitest";
import { parseChallenges, parseRetryAfter } from "./headers";

describe("parseChallenges", () => {
  test("reads a claims challenge as the API and Entra ID send it", () => {
    expect(
      parseChallenges(
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/v2.0/authorize", ' +
          'error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="',
      ),
    ).toEqual([
      {
        scheme: "bearer",
        parameters: {
          realm: "",
          authorization_uri: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
          error: "insufficient_claims",
          claims: "eyJhY2Nlc3NfdG9rZW4iOnt9fQ==",
        },
      },
    ]);
  });

  test("keeps the challenges of one header apart", () => {
    expect(parseChallenges('Basic realm="a, Bearer error=b", Bearer error="invalid_token"')).toEqual([
      { scheme: "basic", parameters: { realm: "a, Bearer error=b" } },
      { scheme: "bearer", parameters: { error: "invalid_token" } },
    ]);
  });

  test("reads bare schemes, values without quotes, escapes and odd spacing", () => {
    expect(parseChallenges('bearer ERROR = invalid_token ,error_description="say \\"please\\""')).toEqual([
      { scheme: "bearer", parameters: { error: "invalid_token", error_description: 'say "please"' } },
    ]);
    expect(parseChallenges("Bearer")).toEqual([{ scheme: "bearer", parameters: {} }]);
  });

  test.each([null, "", "  ", '="x"', "error=x"])("finds nothing in %j", (header) => {
    expect(parseChallenges(header)).toEqual([]);
  });
});

describe("parseRetryAfter", () => {
  const now = new Date("2026-11-22T10:00:00Z");

  test.each([
    ["120", 120],
    [" 0 ", 0],
    ["Sun, 22 Nov 2026 10:00:30 GMT", 30],
    ["Sun, 22 Nov 2026 09:00:00 GMT", 0],
    ["soon", null],
    ["", null],
    [null, null],
  ])("%j is %j seconds", (header, seconds) => {
    expect(parseRetryAfter(header, now)).toBe(seconds);
  });
});
