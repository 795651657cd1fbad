/** The real MSAL Node on items as the API and other libraries write them: what it asks the authority, what is stored. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, beforeEach, test } from "node:test";
import { RemovalRefusedError } from "../src/index.js";
import { Authority, Lab, clientId, graph, home, host, now, only } from "./lab.js";

/** @type {Lab} */
let lab;
/** @type {Authority} */
let authority;
const scopes = [`${graph}/User.Read`];

before(async () => {
  lab = await Lab.start();
});
beforeEach(() => {
  lab.user = { objectId: randomUUID(), tenantId: home };
  authority = new Authority(lab.user, lab.account);
});

/** One turn of a worker: opens the item and asks MSAL for a token. @param {object} [request] */
async function acquire(request) {
  const cache = await lab.store().open(lab.account);
  const result = await authority.client(cache).acquireTokenSilent({ account: cache.account, scopes, ...request });
  return { cache, result };
}

test("a cached token is served without a request or a write", async () => {
  await lab.put(lab.cache(), { version: 7 });
  const stored = await lab.item();
  const { cache, result } = await acquire();
  assert.equal(result.accessToken, "at-0");
  assert.equal(result.fromCache, true);
  assert.equal(result.account?.username, "adele@lakeside.example");
  assert.deepEqual(authority.redeemed, []);
  assert.deepEqual(await lab.item(), stored);
  assert.equal(cache.version, 7);
});

test("an expired token is renewed, and the item is as the API writes it", async () => {
  await lab.put({ ...lab.cache({ expiresIn: -10 }), Novel: { kept: 1 } }, { version: 7, begunAt: 1234 });
  const { cache, result } = await acquire();
  assert.equal(result.accessToken, "at-1");
  assert.deepEqual(authority.redeemed, ["rt-0"]);
  assert.equal(cache.version, 8);

  const item = await lab.item();
  assert.deepEqual([item?.["version"]?.N, item?.["begun_at"]?.N], ["8", "1234"]);
  const ttl = Number(item?.["ttl"]?.N);
  assert.ok(ttl >= now + 1_209_600 && ttl < now + 1_209_700, `${ttl}`);
  const document = await lab.document();
  assert.deepEqual(document["Novel"], { kept: 1 });
  const { cached_at, expires_on, extended_expires_on, ext_expires_on, ...accessToken } = only(document, "AccessToken");
  const filed = {
    home_account_id: lab.account,
    environment: host,
    client_id: clientId,
    client_info: only(lab.cache(), "RefreshToken")["client_info"],
    user_assertion_hash: lab.account,
    userAssertionHash: lab.account,
  };
  assert.deepEqual(accessToken, {
    ...filed,
    secret: "at-1",
    credential_type: "AccessToken",
    realm: home,
    target: scopes[0],
    token_type: "Bearer",
  });
  assert.ok(Number(expires_on) >= now + 3600 && Number(cached_at) >= now);
  assert.equal(extended_expires_on, ext_expires_on);
  const { last_modification_time, ...refreshToken } = only(document, "RefreshToken");
  assert.deepEqual(refreshToken, { ...filed, secret: "rt-1", credential_type: "RefreshToken" });
  assert.ok(Number(last_modification_time) >= now);
  assert.deepEqual(document["Account"], lab.cache()["Account"]);
  assert.deepEqual(document["AppMetadata"], lab.cache()["AppMetadata"]);
  for (const section of ["AccessToken", "RefreshToken", "IdToken", "Account"]) {
    assert.deepEqual(Object.keys(document[section] ?? {}), Object.keys(lab.cache()[section] ?? {}), section);
  }
});

test("each renewal redeems the refresh token that the one before left", async () => {
  await lab.put(lab.cache({ expiresIn: -10 }));
  for (const expected of ["at-1", "at-2", "at-3"]) {
    const { result } = await acquire({ forceRefresh: true });
    assert.equal(result.accessToken, expected);
  }
  assert.deepEqual(authority.redeemed, ["rt-0", "rt-1", "rt-2"]);
  assert.equal(only(await lab.document(), "RefreshToken")["secret"], "rt-3");
});

test("one client goes on over several turns", async () => {
  await lab.put(lab.cache());
  const cache = await lab.store().open(lab.account);
  const client = authority.client(cache);
  for (const forceRefresh of [true, false, true]) {
    await client.acquireTokenSilent({ account: cache.account, scopes, forceRefresh });
  }
  assert.deepEqual(authority.redeemed, ["rt-0", "rt-1"]);
  assert.equal(cache.version, 3);
});

test("a later look sees what others wrote", async () => {
  await lab.put(lab.cache());
  const cache = await lab.store().open(lab.account);
  const client = authority.client(cache);
  await client.acquireTokenSilent({ account: cache.account, scopes });
  await lab.put(lab.cache({ accessToken: "at-of-the-sweep" }), { version: 2 });
  const result = await client.acquireTokenSilent({ account: cache.account, scopes });
  assert.equal(result.accessToken, "at-of-the-sweep");
});

test("the caller's token stays beside the worker's, for the API to find by its assertion", async () => {
  await lab.put(lab.cache());
  await acquire({ forceRefresh: true });
  const document = await lab.document();
  const front = only(document, "AccessToken");
  assert.deepEqual([front["secret"], front["obtained_for_assertion"]], ["at-1", undefined]);
  assert.deepEqual(only(document, "SessionAccessToken"), only(lab.cache(), "AccessToken"));
});

test("the longer-lived of several sessions serves the worker", async () => {
  const document = lab.cache({ expiresIn: -10 });
  const session = only(lab.cache({ accessToken: "at-of-a-session" }), "AccessToken");
  await lab.put({ ...document, SessionAccessToken: { any: session } });
  const { result } = await acquire();
  assert.equal(result.accessToken, "at-of-a-session");
  assert.deepEqual(authority.redeemed, []);
});

test("a second scope set is obtained without touching the first", async () => {
  await lab.put(lab.cache());
  const mail = [`${graph}/Mail.Read`];
  const { result } = await acquire({ scopes: mail });
  assert.equal(result.accessToken, "at-1");
  for (const [wanted, secret] of [
    [scopes, "at-0"],
    [mail, "at-1"],
  ]) {
    assert.equal((await acquire({ scopes: wanted })).result.accessToken, secret);
  }
  assert.deepEqual(authority.redeemed, ["rt-0"]);
  assert.equal(Object.keys((await lab.document())["AccessToken"] ?? {}).length, 2);
});

test("overlapping scope sets do not make MSAL throw both away", async () => {
  const both = [`${graph}/Mail.Read`, `${graph}/User.Read`];
  const [one, two] = [lab.cache({ accessToken: "at-one" }), lab.cache({ scopes: both, accessToken: "at-two" })];
  await lab.put({ ...one, AccessToken: { ...one["AccessToken"], ...two["AccessToken"] } });
  assert.equal((await acquire()).result.accessToken, "at-two");
  assert.deepEqual(authority.redeemed, []);
});

test("a guest's token is found in the tenant that they visit, and renewed there", async () => {
  const homeAccount = `${randomUUID()}.${randomUUID()}`;
  authority = new Authority(lab.user, homeAccount);
  await lab.put(lab.cache({ homeAccountId: homeAccount }));
  const { cache, result } = await acquire();
  assert.equal(result.accessToken, "at-0");
  assert.deepEqual([result.account?.homeAccountId, result.account?.tenantId], [homeAccount, home]);
  assert.equal(cache.account.localAccountId, lab.user.objectId);

  const renewed = await acquire({ forceRefresh: true });
  assert.equal(renewed.result.account?.username, "adele@lakeside.example");
  assert.deepEqual((await acquire({ forceRefresh: true })).result.accessToken, "at-2");
  assert.deepEqual(authority.redeemed, ["rt-0", "rt-1"]);
  const document = await lab.document();
  assert.deepEqual(only(document, "Account"), only(lab.cache({ homeAccountId: homeAccount }), "Account"));
  for (const section of ["AccessToken", "RefreshToken", "IdToken"]) {
    assert.equal(only(document, section)["home_account_id"], homeAccount, section);
  }
  assert.equal(only(document, "AccessToken")["realm"], home);
});

test("`getAllAccounts` gives the same account", async () => {
  await lab.put(lab.cache());
  const cache = await lab.store().open(lab.account);
  const [account, ...others] = await authority.client(cache).getTokenCache().getAllAccounts();
  assert.deepEqual(others, []);
  const { homeAccountId, environment, tenantId, localAccountId, username, name } = account ?? assert.fail("none");
  assert.deepEqual({ homeAccountId, environment, tenantId, localAccountId, username, name }, cache.account);
});

test("of the refresh tokens that foreign writers leave, the newest is redeemed and the only one kept", async () => {
  const document = lab.cache({ expiresIn: -10 });
  const token = only(document, "RefreshToken");
  const { last_modification_time, ...undated } = token;
  assert.ok(last_modification_time);
  const prefix = `${lab.account}-${host}-refreshtoken-${clientId}`;
  const newest = String(now);
  const cases = [
    // MSAL Node on a blob of .NET: its own key beside the stale one.
    { [`${prefix}--`]: { ...undated, secret: "stale" }, [`${prefix}---`]: { ...undated, secret: "newest" } },
    // MSAL Python: dated, with a target, at an alias of the host.
    {
      [`${prefix}--user.read`]: {
        ...token,
        secret: "newest",
        last_modification_time: newest,
        environment: "login.microsoftonline.com",
        target: "User.Read openid",
      },
      [`${prefix}--`]: { ...token, secret: "stale" },
    },
  ];
  for (const refreshTokens of cases) {
    authority.redeemed = [];
    await lab.put({ ...document, RefreshToken: refreshTokens });
    await acquire();
    assert.deepEqual(authority.redeemed, ["newest"]);
    const kept = only(await lab.document(), "RefreshToken");
    assert.deepEqual([kept["secret"], kept["target"]], ["rt-1", undefined]);
    assert.equal(kept["user_assertion_hash"], lab.account);
  }
});

test("what a foreign writer left out is restored: hashes, the account, times as text", async () => {
  const document = lab.cache({ scopes: [`${graph}/Mail.Read`] });
  const bare = { user_assertion_hash: undefined, userAssertionHash: undefined };
  const accessToken = { ...only(document, "AccessToken"), ...bare, expires_on: now + 3600 };
  const refreshToken = { ...only(document, "RefreshToken"), ...bare };
  await lab.put({ AccessToken: { x: accessToken }, RefreshToken: { y: refreshToken } });
  assert.equal((await acquire({ scopes: [`${graph}/Mail.Read`] })).result.accessToken, "at-0");
  await acquire();
  const restored = await lab.document();
  for (const entity of [...Object.values(restored["AccessToken"] ?? {}), only(restored, "RefreshToken")]) {
    assert.deepEqual([entity["user_assertion_hash"], entity["userAssertionHash"]], [lab.account, lab.account]);
  }
  const account = only(restored, "Account");
  assert.deepEqual([account["realm"], account["local_account_id"]], [home, lab.user.objectId]);
});

test("a stated end of the refresh token bounds the item's life and does not outlive the token it was stated for", async () => {
  await lab.put(lab.cache());
  authority.answer = { refresh_token_expires_in: 86_400 };
  await acquire({ forceRefresh: true });
  const end = Number(only(await lab.document(), "RefreshToken")["expires_on"]);
  assert.ok(end >= now + 86_400 && end < now + 86_500, `${end}`);
  assert.equal((await lab.item())?.["ttl"]?.N, String(end));

  authority.answer = {};
  await acquire({ forceRefresh: true });
  assert.equal(only(await lab.document(), "RefreshToken")["expires_on"], undefined);
});

test("a refresh token that is kept by the authority stays", async () => {
  await lab.put(lab.cache());
  authority.answer = { refresh_token: undefined };
  await acquire({ forceRefresh: true });
  assert.equal(only(await lab.document(), "RefreshToken")["secret"], "rt-0");
});

test("a token whose renewal is due is renewed, and served", async () => {
  const document = lab.cache();
  const accessToken = only(document, "AccessToken");
  await lab.put({ ...document, AccessToken: { x: { ...accessToken, refresh_on: String(now - 5) } } });
  const { result } = await acquire();
  assert.equal(result.accessToken, "at-0");
  assert.deepEqual(authority.redeemed, ["rt-0"]);
  assert.equal((await acquire()).result.accessToken, "at-1");
});

test("the item is not written when the authority refuses", async () => {
  await lab.put(lab.cache({ expiresIn: -10 }), { version: 4 });
  authority.redeemed = ["rt-0"];
  await assert.rejects(acquire(), { errorCode: "invalid_grant" });
  assert.equal((await lab.item())?.["version"]?.N, "4");
});

test("tokens of the application itself do not get into the user's item", async () => {
  await lab.put(lab.cache());
  const cache = await lab.store().open(lab.account);
  const client = authority.client(cache);
  authority.sendPostRequestAsync = async () => ({
    status: 200,
    headers: {},
    body: /** @type {any} */ ({ token_type: "Bearer", expires_in: 3600, access_token: "app-only" }),
  });
  await client.acquireTokenByClientCredential({ scopes: [`${graph}/.default`] });
  assert.equal(cache.version, 1);
  assert.deepEqual(await lab.document(), lab.cache());
});

test("`removeAccount` is refused and changes nothing", async () => {
  await lab.put(lab.cache());
  const cache = await lab.store().open(lab.account);
  const client = authority.client(cache);
  await assert.rejects(client.getTokenCache().removeAccount(cache.account), RemovalRefusedError);
  assert.deepEqual(await lab.document(), lab.cache());
  assert.equal((await client.acquireTokenSilent({ account: cache.account, scopes })).accessToken, "at-0");
});

test("an item without a refresh token asks for the user", async () => {
  await lab.put({ ...lab.cache({ expiresIn: -10 }), RefreshToken: {} });
  await assert.rejects(acquire(), { errorCode: "no_tokens_found" });
});
