// @ts-check
/** The API: validates the caller's token, gets a Graph token on their behalf, answers with their profile. */
import { createRemoteJWKSet, jwtVerify } from "jose";
import { me } from "./graph.js";
import { onBehalfOf, required } from "./msal.js";
import { run } from "./runtime.js";
import { noteActivity } from "./table.js";

const host = required("ENTRA_AUTHORITY_HOST");
const tenant = required("ENTRA_TENANT_ID");
// One set for the life of the process: it keeps the keys.
const keys = createRemoteJWKSet(new URL(`${host}/${tenant}/discovery/v2.0/keys`));
const expected = {
  issuer: `${host}/${tenant}/v2.0`,
  audience: required("ENTRA_CLIENT_ID"),
  algorithms: ["RS256"],
  clockTolerance: 60,
};

/** @param {number} statusCode @param {unknown} body */
const answer = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json", "cache-control": "no-store" },
  body: JSON.stringify(body),
});

/** @param {{ headers: Record<string, string> }} event An HTTP API's event, payload format 2.0. */
async function handler(event) {
  const token = /^Bearer (.+)$/i.exec(event.headers.authorization ?? "")?.[1];
  if (!token) return answer(401, { error: "missing_token" });
  let claims;
  try {
    ({ payload: claims } = await jwtVerify(token, keys, expected));
  } catch {
    return answer(401, { error: "invalid_token" });
  }
  if (!String(claims.scp).split(" ").includes("Profile.Read")) return answer(403, { error: "insufficient_scope" });
  const { token: graphToken, fromCache, partitionKey } = await onBehalfOf(token);
  // As in the sample: noted when the cache is written. It overlaps the call of Graph.
  const noted = fromCache ? undefined : noteActivity(`${claims.oid}.${claims.tid}`, partitionKey);
  const [profile] = await Promise.all([me(graphToken), noted]);
  return answer(200, profile);
}

await run(handler);
