/**
 * Between the shared cache and MSAL Node's own view of it: what MSAL is given to read, and what is taken over from what it
 * wrote. MSAL Node drops fields that it does not know (hashes of assertions, times of refresh tokens), keeps redeeming a
 * stale refresh token that stands first, deletes access tokens when several match, and looks a guest's account up by a
 * key with the home tenant. So it is given one of each, under its own keys, and only what it newly obtained is taken back.
 */

import { withoutReserved } from "./canonical.js";
import {
  accessTokenKey,
  idTokenKey,
  is,
  refreshTokenKey,
  sameScope,
  scopeSet,
  seconds,
  text,
  words,
} from "./entity.js";
import { RemovalRefusedError } from "./errors.js";

/**
 * @typedef {import("./entity.js").Entity} Entity
 * @typedef {import("./unified-cache.js").UnifiedCache} UnifiedCache
 * @typedef {import("@azure/msal-node").AccountInfo} AccountInfo
 */

/**
 * Whose tokens they are, as their item is named: for a guest the object and the tenant that they visit.
 *
 * @typedef {object} Identity
 * @property {string} clientId As MSAL is configured with it.
 * @property {string} objectId
 * @property {string} tenantId
 */

/** Before its expiry by this, MSAL does not serve an access token. */
const EXPIRY_MARGIN_SECONDS = 300;

/**
 * What of an entity of MSAL Node is taken over; everything else is put there by us. Fields that it does not know are not,
 * because it leaves those of the entity that stood under the same key.
 */
const OF_ACCESS_TOKEN = [
  "secret",
  "credential_type",
  "realm",
  "cached_at",
  "expires_on",
  "extended_expires_on",
  "refresh_on",
  "token_type",
];
const OF_REFRESH_TOKEN = ["secret", "credential_type", "family_id"];
const OF_ID_TOKEN = ["secret", "credential_type", "realm"];

/**
 * Where the tokens are filed: the home account and the environment of the newest refresh token, else of anything there is.
 *
 * @param {UnifiedCache} cache
 * @param {Identity} identity
 */
function ownerOf(cache, identity) {
  const { clientId, objectId, tenantId } = identity;
  const ofClient = cache.accessTokens.filter((entity) => is(entity, "client_id", clientId));
  const entities = [cache.refreshToken(clientId) ?? {}, ...ofClient, ...cache.accounts];
  const first = (/** @type {string} */ field) => entities.map((entity) => text(entity, field)).find(Boolean);
  return {
    homeAccountId: first("home_account_id") ?? `${objectId}.${tenantId}`,
    environment: first("environment") ?? "login.windows.net",
  };
}

/**
 * The account to hand to `acquireTokenSilent`.
 *
 * @param {UnifiedCache} cache
 * @param {Identity} identity
 * @returns {AccountInfo}
 */
export function accountInfo(cache, identity) {
  const { homeAccountId, environment } = ownerOf(cache, identity);
  const accounts = cache.accounts.filter((entity) => is(entity, "home_account_id", homeAccountId));
  const account = accounts.find((entity) => is(entity, "realm", identity.tenantId)) ?? accounts[0] ?? {};
  const name = text(account, "name");
  return {
    homeAccountId,
    environment,
    tenantId: identity.tenantId,
    localAccountId: identity.objectId,
    username: text(account, "username") ?? "",
    ...(name !== undefined && { name }),
  };
}

/**
 * The cache as MSAL Node is to see it, as JSON.
 *
 * @param {UnifiedCache} cache
 * @param {Identity} identity
 * @param {number} now Seconds since the epoch.
 */
export function toMsal(cache, identity, now) {
  const { clientId } = identity;
  const owner = ownerOf(cache, identity);
  const filedAs = (/** @type {string} */ kind) => (/** @type {Entity} */ entity) => ({
    ...shown(entity),
    home_account_id: owner.homeAccountId,
    environment: owner.environment,
    client_id: clientId,
    credential_type: kind,
  });
  const mine = (/** @type {Entity} */ entity) =>
    is(entity, "client_id", clientId) &&
    is(entity, "home_account_id", owner.homeAccountId) &&
    text(entity, "secret") !== undefined;
  const accessTokens = oneForEachScope(cache.accessTokens.filter(mine).filter(isUsable), now);
  const idTokens = cache.idTokens.filter(mine).filter((entity) => text(entity, "realm") !== undefined && isJwt(entity));
  const refreshToken = cache.refreshToken(clientId);
  /** @param {Entity[]} entities @param {(entity: Entity) => string} key */
  const keyed = (entities, key) => Object.fromEntries(entities.map((entity) => [key(entity), entity]));
  return JSON.stringify({
    // The seventh part of MSAL Node's keys is the token type, which is empty for bearer tokens.
    AccessToken: keyed(accessTokens.map(filedAs("AccessToken")), (entity) => `${accessTokenKey(entity)}-`),
    RefreshToken: keyed(
      [refreshToken].filter((entity) => entity !== undefined).map(({ secret }) => filedAs("RefreshToken")({ secret })),
      (entity) => `${refreshTokenKey(entity)}-`,
    ),
    IdToken: keyed(idTokens.map(filedAs("IdToken")), (entity) => `${idTokenKey(entity)}-`),
    Account: accountSection(cache, identity, owner),
    AppMetadata: {},
  });
}

/**
 * MSAL Node deletes all access tokens when several match a request. Where scopes overlap it gets one: a good one before
 * one that has run out, then the one with more scopes, then the longer-lived.
 *
 * @param {Entity[]} accessTokens
 * @param {number} now
 */
function oneForEachScope(accessTokens, now) {
  const rank = (/** @type {Entity} */ entity) => {
    const expiresOn = seconds(entity, "expires_on") ?? 0;
    return [Number(expiresOn > now + EXPIRY_MARGIN_SECONDS), scopeSet(entity).size, expiresOn];
  };
  const better = (/** @type {Entity} */ left, /** @type {Entity} */ right) => {
    const [mine, theirs] = [rank(left), rank(right)];
    return mine.map((value, index) => (theirs[index] ?? 0) - value).find((difference) => difference !== 0) ?? 0;
  };
  /** @type {Entity[]} */
  const chosen = [];
  for (const entity of accessTokens.toSorted(better)) {
    const competes = (/** @type {Entity} */ other) =>
      is(other, "realm", text(entity, "realm")) && sameScope(other, entity);
    if (!chosen.some(competes)) chosen.push(entity);
  }
  return chosen;
}

/** Fields of credentials that MSAL Node looks at, as texts and as times. */
const SHOWN = ["secret", "realm", "target", "token_type", "userAssertionHash"];
const SHOWN_TIMES = ["cached_at", "expires_on", "extended_expires_on", "refresh_on"];

/**
 * Only what MSAL Node looks at, and as text: it does not check, and fails on fields of another kind. Without `family_id`,
 * which is of use to Microsoft's own applications only.
 *
 * @param {Entity} entity
 */
function shown(entity) {
  const texts = SHOWN.map((field) => [field, text(entity, field)]);
  const times = SHOWN_TIMES.map((field) => [field, seconds(entity, field)?.toString()]);
  return Object.fromEntries([...texts, ...times].filter(([, value]) => value !== undefined));
}

/** @param {Entity} entity */
function isUsable(entity) {
  return text(entity, "realm") !== undefined && words(text(entity, "target")).length > 0;
}

/**
 * MSAL Node reads the claims of each ID token that it finds, and fails if it cannot.
 *
 * @param {Entity} entity
 */
function isJwt(entity) {
  const [, payload = "", signature] = (text(entity, "secret") ?? "").split(".");
  try {
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    return signature !== undefined && typeof claims === "object" && claims !== null;
  } catch {
    return false;
  }
}

/**
 * One account at home with a profile for each tenant: MSAL Node files a guest's account under the home tenant, and stores
 * what it obtains only if it finds an account there.
 *
 * @param {UnifiedCache} cache
 * @param {Identity} identity
 * @param {{ homeAccountId: string, environment: string }} owner
 */
function accountSection(cache, identity, { homeAccountId, environment }) {
  const [homeObject = identity.objectId, homeTenant = identity.tenantId] = homeAccountId.split(".");
  const { name, username } = accountInfo(cache, identity);
  const profiles = new Map([[identity.tenantId, profile(identity.tenantId, identity.objectId, username, name)]]);
  for (const entity of cache.accounts.filter((entity) => is(entity, "home_account_id", homeAccountId))) {
    const [realm, objectId] = [text(entity, "realm"), text(entity, "local_account_id")];
    if (realm === undefined || objectId === undefined || is(entity, "realm", identity.tenantId)) continue;
    profiles.set(realm, profile(realm, objectId, text(entity, "username") ?? "", text(entity, "name")));
  }
  /** @param {string} tenantId @param {string} localAccountId @param {string} username @param {string} [name] */
  function profile(tenantId, localAccountId, username, name) {
    const isHomeTenant = tenantId.toLowerCase() === homeTenant.toLowerCase();
    return JSON.stringify({ tenantId, localAccountId, username, name, isHomeTenant });
  }
  return {
    [`${homeAccountId}-${environment}-${homeTenant}`.toLowerCase()]: {
      home_account_id: homeAccountId,
      environment,
      realm: homeTenant,
      local_account_id: homeObject,
      username,
      name,
      authority_type: "MSSTS",
      client_info: clientInfo(cache, homeAccountId),
      tenantProfiles: [...profiles.values()],
    },
  };
}

/**
 * @param {UnifiedCache} cache
 * @param {string} homeAccountId
 */
function clientInfo(cache, homeAccountId) {
  const entities = [...cache.refreshTokens, ...cache.accessTokens, ...cache.accounts];
  return entities
    .filter((entity) => is(entity, "home_account_id", homeAccountId))
    .map((entity) => text(entity, "client_info"))
    .find(Boolean);
}

/**
 * The cache with what MSAL newly obtained for this account, or `undefined` if that is nothing. Tokens that MSAL dropped
 * stay: the API may have a use for them. Tokens of others that MSAL holds (of the application itself) are left out.
 *
 * @param {UnifiedCache} cache As MSAL was given it.
 * @param {UnifiedCache} written As MSAL wrote it.
 * @param {Identity} identity
 * @param {object} details
 * @param {(secret: string) => boolean} details.isKnown Whether MSAL was given this secret, or had it taken over before.
 * @param {(secret: string) => number | undefined} details.refreshTokenExpiry Seconds since the epoch, if the authority said.
 * @param {number} details.now Seconds since the epoch.
 */
export function takeOver(cache, written, identity, { isKnown, refreshTokenExpiry, now }) {
  const { clientId } = identity;
  const owner = ownerOf(cache, identity);
  const isNew = (/** @type {Entity} */ entity) => {
    const secret = text(entity, "secret");
    const mine = is(entity, "client_id", clientId) && is(entity, "home_account_id", owner.homeAccountId);
    return mine && secret !== undefined && !isKnown(secret);
  };
  const accessTokens = written.accessTokens.filter(isNew);
  const refreshToken = written.refreshTokens.filter(isNew).at(-1);
  const idTokens = written.idTokens.filter(isNew);
  if (cache.refreshToken(clientId) && !written.refreshTokens.some((entity) => is(entity, "client_id", clientId))) {
    throw new RemovalRefusedError();
  }
  if (accessTokens.length + idTokens.length === 0 && !refreshToken) return undefined;

  const info = clientInfo(cache, owner.homeAccountId);
  const credential = (/** @type {Entity} */ entity, /** @type {string[]} */ fields) => ({
    home_account_id: owner.homeAccountId,
    environment: owner.environment,
    ...(info !== undefined && { client_info: info }),
    client_id: clientId.toLowerCase(),
    ...Object.fromEntries(
      fields.filter((field) => Object.hasOwn(entity, field)).map((field) => [field, entity[field]]),
    ),
  });
  const result = cache.copy();
  for (const entity of accessTokens) {
    const target = withoutReserved(text(entity, "target") ?? "");
    result.recordAccessToken({ ...credential(entity, OF_ACCESS_TOKEN), target });
  }
  if (refreshToken) {
    const end = refreshTokenExpiry(/** @type {string} */ (text(refreshToken, "secret")));
    const expiry = end !== undefined && { expires_on: String(end) };
    result.recordRefreshToken({ ...credential(refreshToken, OF_REFRESH_TOKEN), ...expiry }, now);
  }
  idTokens.forEach((entity) => result.recordIdToken(credential(entity, OF_ID_TOKEN)));
  result.dropExpired(now);
  addAccount(result, identity, owner);
  return result;
}

/**
 * Puts the account there if a foreign writer left it out.
 *
 * @param {UnifiedCache} cache
 * @param {Identity} identity
 * @param {{ homeAccountId: string, environment: string }} owner
 */
function addAccount(cache, identity, owner) {
  const isThere = cache.accounts.some(
    (entity) => is(entity, "home_account_id", owner.homeAccountId) && is(entity, "realm", identity.tenantId),
  );
  if (isThere) return;
  const { username, name } = accountInfo(cache, identity);
  const account = {
    home_account_id: owner.homeAccountId,
    environment: owner.environment,
    realm: identity.tenantId,
    local_account_id: identity.objectId,
    authority_type: "MSSTS",
    username,
    ...(name !== undefined && { name }),
  };
  cache.accounts = [...cache.accounts, account];
}
