/** Fields of one entity of the unified cache: a JSON object of which only the known fields are looked at. */

/** @typedef {Record<string, unknown>} Entity A credential, account or application record. Never changed in place. */

/** Our own field on access tokens: the hash of the bearer token that they were obtained for. */
export const OBTAINED_FOR = "obtained_for_assertion";

/** Times beyond this, in the year 5138, are no seconds but milliseconds or garbage. */
export const LAST_SECOND = 99_999_999_999;

/** Scopes that stand for no permission on a resource. Only some libraries keep them. */
const RESERVED = new Set(["openid", "profile", "offline_access", "email"]);

/** What a token has that is bound to a key, or isolated by extra parameters of its request. */
const ISOLATING = ["kid", "key_id", "keyid", "ext", "ext_cache_key", "additionalCacheKeyComponents", "resource"];

/**
 * A text field; absent, null, empty and non-text are all `undefined`.
 *
 * @param {Entity} entity
 * @param {string} field
 */
export function text(entity, field) {
  const value = Object.hasOwn(entity, field) ? entity[field] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

/**
 * A time in seconds since the epoch, which libraries write as a string or as a number; fractions are cut off.
 *
 * @param {Entity} entity
 * @param {string} field
 */
export function seconds(entity, field) {
  const value = Object.hasOwn(entity, field) ? entity[field] : undefined;
  const isNumeral = typeof value === "string" && /^\s*[+-]?\d+(\.\d*)?\s*$/.test(value);
  const number = Math.floor(isNumeral || typeof value === "number" ? Number(value) : NaN);
  return Math.abs(number) <= LAST_SECOND ? number : undefined;
}

/**
 * Whether a text field has this value, without regard to case.
 *
 * @param {Entity} entity
 * @param {string} field
 * @param {string | undefined} expected
 */
export function is(entity, field, expected) {
  return expected !== undefined && text(entity, field)?.toLowerCase() === expected.toLowerCase();
}

/**
 * Whether a field is alike in both, or in neither.
 *
 * @param {Entity} one
 * @param {Entity} other
 * @param {string} field
 */
export function sameText(one, other, field) {
  return text(one, field)?.toLowerCase() === text(other, field)?.toLowerCase();
}

/** @param {string | undefined} list */
export function words(list) {
  return (list ?? "").split(/\s+/).filter((word) => word !== "");
}

/** @param {string} scope */
export function isReserved(scope) {
  return RESERVED.has(scope.toLowerCase());
}

/**
 * The scopes of `target` on a resource, lower-cased.
 *
 * @param {Entity} entity
 */
export function scopeSet(entity) {
  const scopes = words(text(entity, "target")).filter((scope) => !isReserved(scope));
  return new Set(scopes.map((scope) => scope.toLowerCase()));
}

/**
 * Whether two access tokens have a scope in common.
 *
 * @param {Entity} one
 * @param {Entity} other
 */
export function sameScope(one, other) {
  const scopes = scopeSet(other);
  return [...scopeSet(one)].some((scope) => scopes.has(scope));
}

/**
 * Tokens bound to a key (PoP) or isolated by extra request parameters (ATExt) answer no plain request.
 *
 * @param {Entity} entity
 */
export function isPlainBearer(entity) {
  const isEmpty = (/** @type {string} */ field) => {
    const value = Object.hasOwn(entity, field) ? entity[field] : undefined;
    if (value === undefined || value === null || value === "") return true;
    return typeof value === "object" && Object.keys(value).length === 0;
  };
  return (
    (text(entity, "token_type") ?? "bearer").toLowerCase() === "bearer" &&
    (text(entity, "credential_type") ?? "accesstoken").toLowerCase() === "accesstoken" &&
    ISOLATING.every(isEmpty)
  );
}

/** @param {Entity} entity @param {string[]} fields */
function joined(entity, ...fields) {
  return fields.map((field) => text(entity, field) ?? "").join("-");
}

/** Also tells whether two access tokens are for the same. @param {Entity} entity */
export function accessTokenKey(entity) {
  const owner = joined(entity, "home_account_id", "environment");
  return `${owner}-accesstoken-${joined(entity, "client_id", "realm", "target")}`.toLowerCase();
}

/** @param {Entity} entity */
export function refreshTokenKey(entity) {
  const issuedTo = text(entity, "family_id") ?? text(entity, "client_id") ?? "";
  return `${joined(entity, "home_account_id", "environment")}-refreshtoken-${issuedTo}--`.toLowerCase();
}

/** @param {Entity} entity */
export function idTokenKey(entity) {
  const owner = joined(entity, "home_account_id", "environment");
  return `${owner}-idtoken-${joined(entity, "client_id", "realm")}-`.toLowerCase();
}

/** @param {Entity} entity */
export function accountKey(entity) {
  return joined(entity, "home_account_id", "environment", "realm").toLowerCase();
}

/** @param {Entity} entity */
export function appMetadataKey(entity) {
  return `appmetadata-${joined(entity, "environment", "client_id")}`.toLowerCase();
}
