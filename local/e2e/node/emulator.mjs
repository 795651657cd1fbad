// @ts-check
/** The emulator as a client sees it: the sample app registrations and a sign-in over plain HTTP. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { ConfidentialClientApplication } from "@azure/msal-node";

const address = process.env.STACK_EMULATOR_URL;
if (!address) {
  throw new Error("STACK_EMULATOR_URL is not set: start the emulator, or run `cargo xtask test --only msal-node`.");
}
const base = address.replace(/\/+$/, "");
const secure = base.replace(/^http:/, "https:");

export const tenant = "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40";
export const api = { id: "0e5c3b7d-92a1-4f86-b3c4-5d6e7f809a1b", secret: "local-only-secret-of-the-sample-api" };
const spa = "c41f8e26-7b3d-45a9-8e10-2f9b6d4c7a53";
export const adele = "adele@lakeside.example";
export const bruno = "bruno@lakeside.example";

/**
 * The access token that the web page would get for `user`: authorization code with PKCE.
 *
 * @param {string} user
 */
export async function signIn(user) {
  const redirectUri = "http://localhost/";
  const scope = `api://${api.id}/Profile.Read`;
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    client_id: spa,
    redirect_uri: redirectUri,
    response_type: "code",
    response_mode: "query",
    scope: `openid profile offline_access ${scope}`,
    state: "state-of-the-page",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const signedIn = await fetch(`${base}/${tenant}/oauth2/v2.0/authorize?${query}`, {
    method: "POST",
    body: new URLSearchParams({ user }),
    redirect: "manual",
  });
  assert.equal(signedIn.status, 302, await signedIn.text());
  const answer = new URL(signedIn.headers.get("location") ?? "").searchParams;
  assert.equal(answer.get("state"), "state-of-the-page");
  const redeemed = await fetch(`${base}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    // Codes of a single-page application are redeemed by a browser only, which sends its origin.
    headers: { Origin: "http://localhost" },
    body: new URLSearchParams({
      client_id: spa,
      grant_type: "authorization_code",
      code: answer.get("code") ?? "",
      redirect_uri: redirectUri,
      code_verifier: verifier,
      scope,
    }),
  });
  const token = await redeemed.json();
  assert.equal(redeemed.status, 200, JSON.stringify(token));
  return /** @type {string} */ (token.access_token);
}

/**
 * What an administrator's "revoke sessions" does.
 *
 * @param {string} user
 */
export async function revoke(user) {
  const answer = await fetch(`${base}/emulator/api/users/${user}/revoke`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  assert.ok(answer.ok, await answer.text());
}

/**
 * The sign-in name that Graph's GET /me gives for a token.
 *
 * @param {string} token
 */
export async function whoIs(token) {
  const answer = await fetch(`${base}/graph/v1.0/me`, { headers: { Authorization: `Bearer ${token}` } });
  const me = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(me));
  return me.userPrincipalName;
}

/** MSAL insists on https authorities; the emulator speaks http. Stands between them and keeps count. */
export class PlainHttp {
  /** @type {(string | null)[]} */
  postedGrants = [];
  /** Requests for metadata. */
  gets = 0;

  /** @param {string} url @param {{ headers?: Record<string, string> }} [options] */
  sendGetRequestAsync(url, options) {
    this.gets += 1;
    return this.#send(url, { headers: options?.headers });
  }

  /** @param {string} url @param {{ headers?: Record<string, string>, body?: string }} [options] */
  sendPostRequestAsync(url, options) {
    this.postedGrants.push(new URLSearchParams(options?.body).get("grant_type"));
    return this.#send(url, { method: "POST", headers: options?.headers, body: options?.body });
  }

  /** @param {string} url @param {RequestInit} request */
  async #send(url, request) {
    assert.ok(url.startsWith(secure), `MSAL called ${url}, which is not the emulator`);
    const answer = await fetch(url.replace(secure, base), request);
    // The metadata names the emulator's own addresses, which MSAL would refuse.
    const text = (await answer.text()).replaceAll(base, secure);
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: JSON.parse(text) };
  }
}

/**
 * The API as an MSAL client, as a worker in Node would make it.
 *
 * @param {PlainHttp} http
 * @param {string} [clientSecret]
 */
export function confidentialClient(http, clientSecret = api.secret) {
  return clientOf({ clientId: api.id, clientSecret, tenantId: tenant, http });
}

/**
 * Any application of the emulator as an MSAL client.
 *
 * @param {object} application
 * @param {string} application.clientId
 * @param {string} application.clientSecret
 * @param {string} application.tenantId
 * @param {PlainHttp} application.http
 * @param {import("@azure/msal-node").ICachePlugin} [application.cachePlugin]
 */
export function clientOf({ clientId, clientSecret, tenantId, http, cachePlugin }) {
  return new ConfidentialClientApplication({
    auth: { clientId, clientSecret, authority: `${secure}/${tenantId}`, knownAuthorities: [new URL(secure).host] },
    cache: { cachePlugin },
    system: { networkClient: http },
  });
}
