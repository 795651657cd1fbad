// @ts-check
/**
 * MSAL Node with a distributed cache, as its documentation (docs/caching.md, "Performance and security") and its sample
 * `on-behalf-of-distributed-cache` have it: one client per request, one cache entry per partition key; for On-Behalf-Of the key is
 * the hash of the incoming token. Metadata is given to the client once, as in the sample, so that no request asks for it.
 */
import { ConfidentialClientApplication, CryptoProvider, DistributedCachePlugin } from "@azure/msal-node";
import { PlainHttp, send } from "./http.js";
import { cacheClient } from "./table.js";

const SCOPES = ["https://graph.microsoft.com/User.Read"];
const host = required("ENTRA_AUTHORITY_HOST");
const tenant = required("ENTRA_TENANT_ID");
const networkClient = new PlainHttp(host);
const { secure } = networkClient;
const crypto = new CryptoProvider();

const auth = {
  clientId: required("ENTRA_CLIENT_ID"),
  clientSecret: required("ENTRA_CLIENT_SECRET"),
  authority: `${secure}/${tenant}`,
  knownAuthorities: [new URL(secure).host],
  authorityMetadata: (await send(`${host}/${tenant}/v2.0/.well-known/openid-configuration`)).text.replaceAll(host, secure),
};

/** @param {string} partitionKey */
function client(partitionKey) {
  const partition = { getKey: async () => partitionKey, extractKey: async () => partitionKey };
  return new ConfidentialClientApplication({
    auth,
    cache: { cachePlugin: new DistributedCachePlugin(cacheClient, partition) },
    system: { networkClient },
  });
}

/** A Graph token for the user of `oboAssertion`; `partitionKey` says where it lies. @param {string} oboAssertion */
export async function onBehalfOf(oboAssertion) {
  const partitionKey = await crypto.hashString(oboAssertion);
  const application = client(partitionKey);
  // On-Behalf-Of does not read the plugin's cache by itself; the sample does this for it.
  await application.getTokenCache().getAllAccounts();
  const result = await application.acquireTokenOnBehalfOf({ oboAssertion, scopes: SCOPES });
  if (!result) throw new Error("MSAL brought no token");
  return { token: result.accessToken, fromCache: result.fromCache, partitionKey };
}

/** A Graph token for a user who is away, from what lies under `partitionKey`. @param {string} partitionKey */
export async function silently(partitionKey) {
  const application = client(partitionKey);
  const [account] = await application.getTokenCache().getAllAccounts();
  if (!account) throw new Error("nothing is cached for the account");
  const result = await application.acquireTokenSilent({ account, scopes: SCOPES });
  return { token: result.accessToken, fromCache: result.fromCache };
}

/** @param {string} name */
export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
