/** Fields of one entity of the unified cache: a JSON object of which only the known fields are looked at. */

/** @typedef {Record<string, unknown>} Entity A credential, account or application record. */

/** Our own field on access tokens: the hash of the bearer token that they were obtained for. */
export const OBTAINED_FOR = "obtained_for_assertion";

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
 * A time in seconds since the epoch, which libraries write as a string or as a number.
 *
 * @param {Entity} entity
 * @param {string} field
 */
export function seconds(entity, field) {
  const value = Object.hasOwn(entity, field) ? entity[field] : undefined;
  const number = typeof value === "string" && /^[+-]?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
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
 * The scopes of `target`, lower-cased.
 *
 * @param {Entity} entity
 */
export function scopeSet(entity) {
  return new Set(words(text(entity, "target")).map((scope) => scope.toLowerCase()));
}

/** @param {string | undefined} list */
export function words(list) {
  return (list ?? "").split(/\s+/).filter((word) => word !== "");
}

/**
 * Whether two access tokens are for the same client, tenant and at least one common scope.
 *
 * @param {Entity} left
 * @param {Entity} right
 */
export function samePlace(left, right) {
  const scopes = scopeSet(right);
  return (
    is(left, "client_id", text(right, "client_id")) &&
    is(left, "realm", text(right, "realm")) &&
    [...scopeSet(left)].some((scope) => scopes.has(scope))
  );
}

/**
 * Tokens bound to a key (PoP) or isolated by extra request parameters (ATExt) answer no plain request.
 *
 * @param {Entity} entity
 */
export function isPlainBearer(entity) {
  return (
    (text(entity, "token_type") ?? "bearer").toLowerCase() === "bearer" &&
    (text(entity, "credential_type") ?? "accesstoken").toLowerCase() === "accesstoken"
  );
}

/** @param {Entity} entity @param {string[]} fields */
function joined(entity, ...fields) {
  return fields.map((field) => text(entity, field) ?? "").join("-");
}

/** @param {Entity} entity */
export function accessTokenKey(entity) {
  const kind = text(entity, "credential_type") ?? "accesstoken";
  const owner = joined(entity, "home_account_id", "environment");
  return `${owner}-${kind}-${joined(entity, "client_id", "realm", "target")}`.toLowerCase();
}

/** @param {Entity} entity */
export function refreshTokenKey(entity) {
  const issuedTo = text(entity, "family_id") ?? text(entity, "client_id") ?? "";
  return `${joined(entity, "home_account_id", "environment")}-refreshtoken-${issuedTo}--`.toLowerCase();
}

/**
 * Environment aliases do not make two refresh tokens out of one.
 *
 * @param {Entity} entity
 */
export function refreshTokenOwner(entity) {
  return JSON.stringify([text(entity, "home_account_id"), text(entity, "client_id")]).toLowerCase();
}

/** @param {Entity} entity */
export function idTokenKey(entity) {
  return `${joined(entity, "home_account_id", "environment")}-idtoken-${joined(entity, "client_id", "realm")}-`.toLowerCase();
}

/** @param {Entity} entity */
export function accountKey(entity) {
  return joined(entity, "home_account_id", "environment", "realm").toLowerCase();
}

/** @param {Entity} entity */
export function appMetadataKey(entity) {
  return `appmetadata-${joined(entity, "environment", "client_id")}`.toLowerCase();
}

/** @param {Entity} entity */
export function sessionKey(entity) {
  return `${accessTokenKey(entity)}-${text(entity, OBTAINED_FOR) ?? ""}`;
}

/**
 * The newest of several refresh tokens: by `last_modification_time`, else the last. Those without a secret do not count.
 *
 * @param {Entity[]} entities
 */
export function newestRefreshToken(entities) {
  return entities
    .filter((entity) => text(entity, "secret") !== undefined)
    .reduce(
      (/** @type {Entity | undefined} */ newest, entity) =>
        newest && modified(newest) > modified(entity) ? newest : entity,
      undefined,
    );
}

/** @param {Entity} entity */
export function modified(entity) {
  return seconds(entity, "last_modification_time") ?? -Infinity;
}
