/** Reading, merging and writing MSAL's unified cache. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { UnifiedCache } from "../src/unified-cache.js";
import { seeded } from "./lab.js";

/** @param {object} document */
const parse = (document) => UnifiedCache.parse(Buffer.from(JSON.stringify(document)));
/** @param {UnifiedCache} cache */
const written = (cache) => JSON.parse(cache.toBytes().toString());
const owner = { home_account_id: "o.t", environment: "login.windows.net", client_id: "c" };

/** @param {string} secret @param {number | string | undefined} [modified] */
const refreshToken = (secret, modified) => ({
  ...owner,
  credential_type: "RefreshToken",
  secret,
  last_modification_time: modified,
});
/** @param {string} secret @param {number} expiresOn @param {string} [session] @param {string} [target] */
const accessToken = (secret, expiresOn, session, target = "User.Read") => ({
  ...owner,
  realm: "t",
  credential_type: "AccessToken",
  secret,
  target,
  expires_on: String(expiresOn),
  obtained_for_assertion: session,
});

test("sections and fields that are not known are kept", () => {
  const document = {
    AccessToken: { a: { ...accessToken("at", 9), novel: { deep: [1, null, "x"] } } },
    Novel: { anything: [true, { x: 1 }] },
    version: 3,
  };
  const result = written(parse(document));
  assert.deepEqual(Object.values(result.AccessToken), [JSON.parse(JSON.stringify(document.AccessToken.a))]);
  assert.deepEqual(result.Novel, document.Novel);
  assert.equal(result.version, 3);
});

test("a section or field named like a prototype is data", () => {
  const json = '{"__proto__": {"x": 1}, "Account": {"__proto__": {"home_account_id": "o.t", "__proto__": 5}}}';
  const result = UnifiedCache.parse(Buffer.from(json)).toBytes().toString();
  assert.match(result, /"__proto__":\{"x":1\}/);
  assert.match(result, /"home_account_id":"o.t","__proto__":5/);
});

test("one refresh token for each user and client is written: the newest, else the last", () => {
  const cases = [
    { tokens: [refreshToken("old", 5), refreshToken("new", "7"), refreshToken("undated")], newest: "new" },
    { tokens: [refreshToken("first"), refreshToken("last")], newest: "last" },
    { tokens: [refreshToken("first", 5), refreshToken("last", 5)], newest: "last" },
    { tokens: [refreshToken("good", 5), refreshToken("", 9)], newest: "good" },
    {
      tokens: [refreshToken("alias", 5), { ...refreshToken("new", 6), environment: "login.microsoft.com" }],
      newest: "new",
    },
  ];
  for (const { tokens, newest } of cases) {
    const result = written(
      parse({ RefreshToken: Object.fromEntries(tokens.map((token, index) => [`k${index}`, token])) }),
    );
    assert.deepEqual(
      Object.values(result.RefreshToken).map((token) => token.secret),
      [newest],
    );
  }
});

test("what is no cache is unreadable, and its text is not told", () => {
  const deep = `{"Novel":${"[".repeat(200)}${"]".repeat(200)}}`;
  const texts = [
    "{",
    "[]",
    "null",
    "5",
    '"secret"',
    '{"AccessToken":[]}',
    '{"Account":{"a":"secret"}}',
    "\uFEFF{}",
    deep,
  ];
  for (const text of texts) {
    assert.throws(
      () => UnifiedCache.parse(Buffer.from(text)),
      (error) => {
        assert.ok(error instanceof Error);
        assert.equal("reason" in error && error.reason, "not_a_cache", text);
        assert.ok(!error.message.includes("secret") && error.cause === undefined);
        return true;
      },
    );
  }
  assert.throws(() => UnifiedCache.parse(Buffer.from([0x7b, 0xff, 0x7d])), { reason: "not_a_cache" });
  assert.deepEqual(UnifiedCache.parse(Buffer.from(" \n")), new UnifiedCache());
});

test("a merge keeps the newest refresh token and the longest-lived access token of each scope set", () => {
  const left = parse({
    AccessToken: { a: accessToken("short", 10), b: accessToken("mail", 10, undefined, "Mail.Read") },
    RefreshToken: { a: refreshToken("new", 8) },
    Novel: { left: 1 },
    Left: 1,
  });
  const right = parse({
    AccessToken: { a: accessToken("long", 20) },
    RefreshToken: { a: refreshToken("old", 7) },
    Novel: { right: 1 },
    Right: 2,
  });
  for (const merged of [left.merge(right), right.merge(left)].map(written)) {
    assert.deepEqual(
      new Set(Object.values(merged.AccessToken).map((token) => token.secret)),
      new Set(["long", "mail"]),
    );
    assert.deepEqual(
      Object.values(merged.RefreshToken).map((token) => token.secret),
      ["new"],
    );
    assert.deepEqual([merged.Left, merged.Right], [1, 2]);
  }
  assert.deepEqual(written(left.merge(right)).Novel, { right: 1 }, "the later writer's");
});

test("sessions that share a scope set keep their own tokens, the longest-lived in front", () => {
  const left = parse({ AccessToken: { a: accessToken("of-a", 10, "a") } });
  const right = parse({ AccessToken: { a: accessToken("of-b", 20, "b") } });
  for (const merged of [left.merge(right), right.merge(left)].map(written)) {
    assert.deepEqual(
      Object.values(merged.AccessToken).map((token) => token.secret),
      ["of-b"],
    );
    assert.deepEqual(
      Object.values(merged.SessionAccessToken).map((token) => token.secret),
      ["of-a"],
    );
  }
});

test("at most eight other sessions are kept, the longest-lived", () => {
  const sessions = Array.from({ length: 12 }, (_, index) => accessToken(`s${index}`, index, `h${index}`));
  const cache = parse({ SessionAccessToken: { ...sessions } }).merge(new UnifiedCache());
  const secrets = Object.values(written(cache).SessionAccessToken).map((token) => token.secret);
  assert.deepEqual(secrets.sort(), ["s10", "s3", "s4", "s5", "s6", "s7", "s8", "s9"]);
  assert.equal(Object.values(written(cache).AccessToken)[0].secret, "s11");
});

test("a new refresh token is later than those it came from, whatever the clocks said", () => {
  const cache = parse({ RefreshToken: { a: refreshToken("ahead", 5000), b: refreshToken("old", 10) } });
  cache.recordRefreshToken(refreshToken("new"), 100);
  const ahead = parse({ RefreshToken: { a: refreshToken("ahead", 5000) } });
  for (const merged of [cache, cache.merge(ahead), ahead.merge(cache)]) {
    const [token, ...others] = Object.values(written(merged).RefreshToken);
    assert.deepEqual([token.secret, token.last_modification_time, others], ["new", "5001", []]);
  }
});

test("merging is commutative, associative and idempotent in its choice of tokens (seeded)", () => {
  const random = seeded(20261123);
  const number = (/** @type {number} */ below) => Math.floor(random() * below);
  const cache = () => {
    const rows = Array.from({ length: number(5) }, () =>
      accessToken(`at${number(9)}`, number(4), [undefined, "a", "b"][number(3)], ["User.Read", "Mail.Read"][number(2)]),
    );
    const tokens = Array.from({ length: number(3) }, () => ({ ...refreshToken(`rt${number(9)}`, number(3)) }));
    return parse({ AccessToken: { ...rows }, RefreshToken: { ...tokens } });
  };
  const secrets = (/** @type {UnifiedCache} */ merged) => {
    const { AccessToken, RefreshToken } = written(merged);
    return [AccessToken, RefreshToken].map((section) =>
      Object.values(section)
        .map((token) => token.secret)
        .sort(),
    );
  };
  for (let round = 0; round < 500; round += 1) {
    const [a, b, c] = [cache(), cache(), cache()];
    // A cache on its own may hold what is settled only by its being merged or written.
    const [x, y, z] = [a, b, c].map((one) => one.merge(new UnifiedCache()));
    assert.ok(x && y && z);
    assert.deepEqual(secrets(x.merge(y)), secrets(y.merge(x)), `round ${round}`);
    assert.deepEqual(secrets(x.merge(y).merge(z)), secrets(x.merge(y.merge(z))), `round ${round}`);
    assert.deepEqual(secrets(x.merge(x)), secrets(x), `round ${round}`);
  }
});
