// @ts-check
/** MSAL Node as a client of the emulator: what passes here is Entra ID as Microsoft's own library understands it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { adele, bruno, confidentialClient, PlainHttp, revoke, signIn, whoIs } from "./emulator.mjs";

const scopes = ["https://graph.microsoft.com/User.Read"];
const onBehalfOf = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** @param {import("@azure/msal-node").ConfidentialClientApplication} client @param {string} user */
async function exchange(client, user) {
  const result = await client.acquireTokenOnBehalfOf({ oboAssertion: await signIn(user), scopes });
  assert.ok(result);
  return result;
}

test("On-Behalf-Of gives a Graph token of that user", async () => {
  const result = await exchange(confidentialClient(new PlainHttp()), adele);
  assert.equal(await whoIs(result.accessToken), adele);
  assert.ok(result.expiresOn && result.expiresOn.getTime() > Date.now() + 300_000);
  assert.equal(result.account?.username, adele);
});

test("the cached token is served, and then the refresh token redeemed", async () => {
  const http = new PlainHttp();
  const client = confidentialClient(http);
  const first = await exchange(client, adele);
  const [account, ...others] = await client.getTokenCache().getAllAccounts();
  assert.equal(account?.username, adele);
  assert.deepEqual(others, []);
  assert.deepEqual(http.postedGrants, [onBehalfOf]);

  const cached = await client.acquireTokenSilent({ account, scopes });
  assert.equal(cached.accessToken, first.accessToken);
  assert.deepEqual(http.postedGrants, [onBehalfOf], "a cached token needs no request");

  const refreshed = await client.acquireTokenSilent({ account, scopes, forceRefresh: true });
  assert.deepEqual(http.postedGrants, [onBehalfOf, "refresh_token"]);
  assert.notEqual(refreshed.accessToken, first.accessToken);
  assert.equal(await whoIs(refreshed.accessToken), adele);
});

test("another process goes on from the serialised cache", async () => {
  const first = confidentialClient(new PlainHttp());
  await exchange(first, adele);

  const worker = confidentialClient(new PlainHttp());
  worker.getTokenCache().deserialize(first.getTokenCache().serialize());
  const [account] = await worker.getTokenCache().getAllAccounts();
  assert.ok(account);
  const result = await worker.acquireTokenSilent({ account, scopes, forceRefresh: true });
  assert.equal(await whoIs(result.accessToken), adele);
});

test("a revoked user must sign in again", async () => {
  const client = confidentialClient(new PlainHttp());
  await exchange(client, bruno);
  const [account] = await client.getTokenCache().getAllAccounts();
  assert.ok(account);
  await revoke(bruno);
  await assert.rejects(client.acquireTokenSilent({ account, scopes, forceRefresh: true }), (error) => {
    const { errorCode, errorMessage } = /** @type {{ errorCode: string, errorMessage: string }} */ (error);
    assert.equal(errorCode, "invalid_grant");
    assert.match(errorMessage, /AADSTS50173/);
    return true;
  });
  await exchange(client, bruno);
});

test("a wrong secret is our own fault", async () => {
  const client = confidentialClient(new PlainHttp(), "wrong");
  await assert.rejects(exchange(client, adele), (error) => {
    const { errorCode, errorMessage } = /** @type {{ errorCode: string, errorMessage: string }} */ (error);
    assert.equal(errorCode, "invalid_client");
    assert.match(errorMessage, /AADSTS7000215/);
    return true;
  });
});
