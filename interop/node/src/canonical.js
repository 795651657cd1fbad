/** What others wrote, brought into the one form that all libraries accept. Nothing is lost but duplicates. */

import { OBTAINED_FOR, is, isReserved, seconds, text, words } from "./entity.js";

/** @typedef {import("./entity.js").Entity} Entity */

const ASSERTION_HASHES = ["user_assertion_hash", "userAssertionHash"];
const ACCESS_TOKEN_TIMES = ["cached_at", "expires_on", "extended_expires_on", "ext_expires_on", "refresh_on"];

/** Hosts of one cloud, the one that MSAL caches under first. */
const ALIASES = [
  ["login.windows.net", "login.microsoftonline.com", "login.microsoft.com", "sts.windows.net"],
  ["login.microsoftonline.us", "login.usgovcloudapi.net"],
  ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
];

/**
 * The name to cache under; a host that is not known stands for itself.
 *
 * @param {string} host
 */
export function cachedAs(host) {
  return ALIASES.find((aliases) => aliases.includes(host.toLowerCase()))?.[0] ?? host;
}

/** @param {Entity} entity @returns {Entity} */
export function inCachedEnvironment(entity) {
  const host = text(entity, "environment");
  return host === undefined ? entity : { ...entity, environment: cachedAs(host) };
}

/** @param {Entity} entity @returns {Entity} */
export function accessToken(entity) {
  const [extended, ext] = [text(entity, "extended_expires_on"), text(entity, "ext_expires_on")];
  const target = text(entity, "target");
  const hash = ASSERTION_HASHES.map((field) => text(entity, field)?.replace(/=+$/, "")).find(isAssertionHash);
  return {
    ...credential(entity, "AccessToken"),
    // The schema's name and the one that older .NET libraries read.
    ...(extended !== undefined && !Object.hasOwn(entity, "ext_expires_on") && { ext_expires_on: extended }),
    ...(ext !== undefined && !Object.hasOwn(entity, "extended_expires_on") && { extended_expires_on: ext }),
    ...asText(entity, ACCESS_TOKEN_TIMES),
    ...(target !== undefined && { target: sortedScopes(target) }),
    // .NET, Node and Go name the assertion that obtained a token where our layout has the user. It goes where we keep it,
    // or a token of one session could be used by another.
    ...(hash !== undefined && text(entity, OBTAINED_FOR) === undefined && { [OBTAINED_FOR]: hash }),
    ...assertionHashes(entity),
  };
}

/** @param {Entity} entity @returns {Entity} */
export function refreshToken(entity) {
  return { ...credential(entity, "RefreshToken"), ...asText(entity, ["expires_on"]), ...assertionHashes(entity) };
}

/** @param {Entity} entity @returns {Entity} */
export function idToken(entity) {
  return credential(entity, "IdToken");
}

/**
 * Scopes in the order that .NET and Python expect, each once.
 *
 * @param {string} target
 */
export function sortedScopes(target) {
  const byName = new Map(words(target).map((scope) => [scope.toLowerCase(), scope]));
  return [...byName.keys()]
    .sort()
    .map((name) => byName.get(name))
    .join(" ");
}

/**
 * Without those that stand for no permission on a resource.
 *
 * @param {string} target
 */
export function withoutReserved(target) {
  return words(target)
    .filter((scope) => !isReserved(scope))
    .join(" ");
}

/**
 * @param {Entity} entity
 * @param {string} kind
 * @returns {Entity}
 */
function credential(entity, kind) {
  const isOfKind = text(entity, "credential_type") === undefined || is(entity, "credential_type", kind);
  return { ...inCachedEnvironment(entity), ...(isOfKind && { credential_type: kind }) };
}

/**
 * Both spellings, set to the home account id: .NET finds such entries by user as well as in long-running processes.
 *
 * @param {Entity} entity
 */
function assertionHashes(entity) {
  const user = text(entity, "home_account_id");
  return user === undefined ? {} : Object.fromEntries(ASSERTION_HASHES.map((field) => [field, user]));
}

/** SHA-256 in base64url without padding. @param {string | undefined} hash */
function isAssertionHash(hash) {
  return hash !== undefined && /^[A-Za-z0-9_-]{43}$/.test(hash);
}

/** Times as strings; what is no time stays as it is. @param {Entity} entity @param {string[]} fields */
function asText(entity, fields) {
  const times = fields.map((field) => [field, seconds(entity, field)]).filter(([, time]) => time !== undefined);
  return Object.fromEntries(times.map(([field, time]) => [field, String(time)]));
}
