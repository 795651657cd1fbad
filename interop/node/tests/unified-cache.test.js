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

const hashes = { user_assertion_hash: "o.t", userAssertionHash: "o.t" };

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
  assert.deepEqual(Object.values(result.AccessToken), [
    { ...JSON.parse(JSON.stringify(document.AccessToken.a)), ...hashes },
  ]);
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
    { tokens: [refreshToken("undated"), refreshToken("new", "7"), refreshToken("old", 5)], newest: "new" },
    { tokens: [refreshToken("dated", 5), refreshToken("added later")], newest: "added later" },
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
  const texts = ["{", "[]", "null", "5", '"secret"', '{"AccessToken":[]}', '{"Account":{"a":"secret"}}', deep];
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
  assert.deepEqual(UnifiedCache.parse(Buffer.from("\uFEFF{}")), new UnifiedCache());
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
  assert.deepEqual(written(left.merge(right)).Novel, { left: 1, right: 1 });
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

test("what others wrote is brought into one form", () => {
  const hash = "l68RJBhL34-zYJ41gCvilESp2FYrBSkwQ-Skhu5zO3o";
  const foreign = {
    ...accessToken("at", 9, undefined, "User.Read  openid Mail.Read user.read"),
    environment: "login.microsoftonline.com",
    credential_type: "accesstoken",
    cached_at: 5,
    expires_on: 9.7,
    extended_expires_on: "10",
    user_assertion_hash: `${hash}=`,
  };
  const { AccessToken, RefreshToken, Account } = written(
    parse({
      AccessToken: { x: foreign },
      RefreshToken: { x: { ...refreshToken("rt"), environment: "sts.windows.net", expires_on: 20 } },
      Account: {
        x: { ...owner, realm: "t", environment: "login.microsoft.com", name: "Old", username: "u" },
        y: { ...owner, realm: "t", name: "New" },
      },
    }),
  );
  assert.deepEqual(Object.entries(AccessToken), [
    [
      "o.t-login.windows.net-accesstoken-c-t-mail.read openid user.read",
      {
        ...owner,
        realm: "t",
        credential_type: "AccessToken",
        secret: "at",
        target: "Mail.Read openid user.read",
        cached_at: "5",
        expires_on: "9",
        extended_expires_on: "10",
        ext_expires_on: "10",
        obtained_for_assertion: hash,
        ...hashes,
      },
    ],
  ]);
  const { secret, environment, expires_on, last_modification_time } = Object.values(RefreshToken)[0];
  assert.deepEqual([secret, environment, expires_on], ["rt", "login.windows.net", "20"]);
  assert.equal(last_modification_time, "5", "as old as the newest access token");
  assert.deepEqual(Object.values(Account), [{ ...owner, realm: "t", name: "New", username: "u" }]);
});

test("tokens that answer no plain request are kept as they are, beside those that do", () => {
  const key = "o.t-login.windows.net-accesstoken-c-t-user.read";
  const isolated = { ...accessToken("bound", 9), token_type: "pop", kid: "k" };
  const { AccessToken } = written(parse({ AccessToken: { bound: isolated, plain: accessToken("plain", 9) } }));
  assert.deepEqual(AccessToken.bound, JSON.parse(JSON.stringify(isolated)));
  assert.equal(AccessToken[key].secret, "plain");
});

test("times in milliseconds are no times", () => {
  const cache = parse({ AccessToken: { a: accessToken("at", 1_800_000_000_000) } });
  cache.dropExpired(0);
  assert.deepEqual(written(cache).AccessToken, {});
});

test("access tokens take up 40 KiB at most, the newest are kept", () => {
  const token = (/** @type {number} */ index) => ({
    ...accessToken(`at${index}${"x".repeat(9000)}`, 100 - index, undefined, `Scope.${index}`),
    cached_at: String(index),
  });
  const bytes = parse({ AccessToken: { ...Array.from({ length: 10 }, (_, index) => token(index)) } }).toBytes();
  assert.ok(bytes.length < 41 * 1024);
  const targets = Object.values(JSON.parse(bytes.toString()).AccessToken).map((entity) => entity.target);
  assert.deepEqual(targets.sort(), ["Scope.6", "Scope.7", "Scope.8", "Scope.9"]);
});
