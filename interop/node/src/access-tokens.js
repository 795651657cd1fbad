/** Which access tokens are kept, and where they stand. The bounds and the order are those of the API. */

import { OBTAINED_FOR, accessTokenKey, sameScope, sameText, seconds, text } from "./entity.js";

/** @typedef {import("./entity.js").Entity} Entity */

/** Access tokens of other sessions, for each user, client, tenant and scope set, beside the one in front. */
const KEPT_SESSIONS = 8;
const KEPT_ACCESS_TOKENS = 16;
/** As JSON, so that an item stays below its 64 KiB. */
const KEPT_BYTES = 40 * 1024;

/**
 * Puts each in its place: of those for the same scopes and session the longest-lived is kept; of those that could answer
 * the same request the longest-lived stands in front, where MSAL looks, and the others beside. If there are too many, the
 * newest are kept: a session must find room for what it just obtained.
 *
 * @param {Entity[]} accessTokens
 * @returns {{ front: Entity[], beside: Entity[] }}
 */
export function arrange(accessTokens) {
  const longestLived = accessTokens.toSorted((left, right) => compare(right, left, "expires_on", "cached_at"));
  const distinct = [...new Map(longestLived.toReversed().map((entity) => [sessionKey(entity), entity])).values()];
  const kept = newestThatFit(distinct);
  /** @type {{ front: Entity[], beside: Entity[] }} */
  const places = { front: [], beside: [] };
  for (const entity of longestLived.filter((entity) => kept.has(entity))) {
    places[places.front.some((other) => compete(entity, other)) ? "beside" : "front"].push(entity);
  }
  return places;
}

/** @param {Entity} entity */
export function sessionKey(entity) {
  return `${accessTokenKey(entity)}-${text(entity, OBTAINED_FOR) ?? ""}`;
}

/** @param {Entity[]} entities */
function newestThatFit(entities) {
  /** @type {Set<Entity>} */
  const kept = new Set();
  /** @type {Map<string, number>} */
  const sessions = new Map();
  let bytes = 0;
  for (const entity of entities.toSorted((left, right) => compare(right, left, "cached_at", "expires_on"))) {
    const key = accessTokenKey(entity);
    const [same, size] = [sessions.get(key) ?? 0, 2 * key.length + Buffer.byteLength(JSON.stringify(entity))];
    if (kept.size === KEPT_ACCESS_TOKENS || same > KEPT_SESSIONS || bytes + size > KEPT_BYTES) continue;
    sessions.set(key, same + 1);
    bytes += size;
    kept.add(entity);
  }
  return kept;
}

/**
 * Whether some request could be answered with either.
 *
 * @param {Entity} one
 * @param {Entity} other
 */
function compete(one, other) {
  const isSamePlace = ["home_account_id", "environment", "client_id", "realm"].every((field) =>
    sameText(one, other, field),
  );
  return isSamePlace && (sameScope(one, other) || accessTokenKey(one) === accessTokenKey(other));
}

/**
 * Orders by two times; the secret decides between equals, so that the order of merging does not.
 *
 * @param {Entity} left
 * @param {Entity} right
 * @param {string} first
 * @param {string} second
 */
function compare(left, right, first, second) {
  const time = (/** @type {Entity} */ entity, /** @type {string} */ field) =>
    seconds(entity, field) ?? Number.MIN_SAFE_INTEGER;
  return (
    Number(text(left, "secret") !== undefined) - Number(text(right, "secret") !== undefined) ||
    time(left, first) - time(right, first) ||
    time(left, second) - time(right, second) ||
    compareTexts(text(left, "secret"), text(right, "secret")) ||
    compareTexts(text(left, OBTAINED_FOR), text(right, OBTAINED_FOR))
  );
}

/**
 * By their bytes in UTF-8, as the API does.
 *
 * @param {string | undefined} left
 * @param {string | undefined} right
 */
export function compareTexts(left = "", right = "") {
  return Buffer.compare(Buffer.from(left, "utf8"), Buffer.from(right, "utf8"));
}
