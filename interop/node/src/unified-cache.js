/**
 * MSAL's unified cache (schema v3) as the API and the sweep keep it (docs/data-model.md, "The cache inside the blob").
 * Entities are found by their fields, never by their keys; sections and fields that are not known are kept.
 */

import { arrange, sessionKey } from "./access-tokens.js";
import { accessToken, idToken, inCachedEnvironment, refreshToken } from "./canonical.js";
import {
  OBTAINED_FOR,
  accessTokenKey,
  accountKey,
  appMetadataKey,
  idTokenKey,
  is,
  isPlainBearer,
  refreshTokenKey,
  sameScope,
  seconds,
  text,
} from "./entity.js";
import { UnreadableError } from "./errors.js";
import { dated, newer, newestOfBoth, newestOfEachOwner } from "./refresh-tokens.js";

/** @typedef {import("./entity.js").Entity} Entity */

/** Nesting at which the API's JSON reader stops too. */
const DEEPEST = 127;

export class UnifiedCache {
  /** Plain bearer tokens of all sessions. @type {Entity[]} */ accessTokens = [];
  /** Tokens that answer no plain request, untouched, under their keys. @type {Map<string, Entity>} */
  isolated = new Map();
  /** One for each user and client, each with a time. @type {Entity[]} */ refreshTokens = [];
  /** @type {Entity[]} */ idTokens = [];
  /** @type {Entity[]} */ accounts = [];
  /** @type {Entity[]} */ appMetadata = [];
  /** @type {Map<string, unknown>} */ unknownSections = new Map();

  /**
   * Reads what any MSAL library wrote. Blank input is an empty cache; throws `UnreadableError` for what is no cache.
   *
   * @param {Uint8Array} bytes
   */
  static parse(bytes) {
    const cache = new UnifiedCache();
    const sections = new Map(Object.entries(document(bytes)));
    const take = (/** @type {string} */ name) => {
      const section = Object.entries(object(sections.get(name) ?? {}));
      sections.delete(name);
      return section.map(([key, entity]) => /** @type {const} */ ([key, object(entity)]));
    };
    const entities = (/** @type {string} */ name) => take(name).map(([, entity]) => entity);
    const accessTokens = [...take("AccessToken"), ...take("SessionAccessToken")];
    cache.accessTokens = accessTokens
      .map(([, entity]) => entity)
      .filter(isPlainBearer)
      .map(accessToken);
    cache.isolated = new Map(accessTokens.filter(([, entity]) => !isPlainBearer(entity)));
    cache.refreshTokens = newestOfEachOwner(entities("RefreshToken").map(refreshToken), cache.accessTokens);
    cache.idTokens = oneOfEach(entities("IdToken").map(idToken), idTokenKey);
    cache.accounts = oneOfEach(entities("Account").map(inCachedEnvironment), accountKey);
    cache.appMetadata = oneOfEach(entities("AppMetadata").map(inCachedEnvironment), appMetadataKey);
    cache.unknownSections = sections;
    return cache;
  }

  /** Another cache with the same entities. */
  copy() {
    return Object.assign(new UnifiedCache(), this);
  }

  /** As JSON, with keys that every library accepts. */
  toBytes() {
    const { front, beside } = arrange(this.accessTokens);
    /** @type {[string, unknown][]} */
    const sections = [
      ["AccessToken", { ...Object.fromEntries(this.isolated), ...section(front, accessTokenKey) }],
      ["RefreshToken", section(this.refreshTokens, refreshTokenKey)],
      ["IdToken", section(this.idTokens, idTokenKey)],
      ["Account", section(this.accounts, accountKey)],
      ["AppMetadata", section(this.appMetadata, appMetadataKey)],
    ];
    if (beside.length > 0) sections.push(["SessionAccessToken", section(beside, sessionKey)]);
    return Buffer.from(JSON.stringify(Object.fromEntries([...sections, ...this.unknownSections])), "utf8");
  }

  /**
   * The newest refresh token of a client.
   *
   * @param {string} clientId
   * @returns {Entity | undefined}
   */
  refreshToken(clientId) {
    const tokens = this.refreshTokens.filter((entity) => is(entity, "client_id", clientId));
    return tokens.length > 0 ? tokens.reduce(newer) : undefined;
  }

  /**
   * Takes in an access token that no caller's bearer token obtained, in place of others of that kind. Those of sessions
   * stay, so that the API still finds the one of its caller.
   *
   * @param {Entity} entity
   */
  recordAccessToken(entity) {
    const isOutdated = (/** @type {Entity} */ other) =>
      is(other, "client_id", text(entity, "client_id")) &&
      is(other, "realm", text(entity, "realm")) &&
      text(other, OBTAINED_FOR) === undefined &&
      sameScope(other, entity);
    this.accessTokens = [...this.accessTokens.filter((other) => !isOutdated(other)), accessToken(entity)];
  }

  /**
   * Takes in a refresh token in place of every other one of its client, dated after them.
   *
   * @param {Entity} entity
   * @param {number} now Seconds since the epoch.
   */
  recordRefreshToken(entity, now) {
    const replaced = this.refreshTokens.filter((other) => is(other, "client_id", text(entity, "client_id")));
    const kept = this.refreshTokens.filter((other) => !replaced.includes(other));
    this.refreshTokens = [...kept, dated(refreshToken(entity), now, replaced)];
  }

  /** @param {Entity} entity */
  recordIdToken(entity) {
    const isReplaced = (/** @type {Entity} */ other) =>
      is(other, "client_id", text(entity, "client_id")) && is(other, "realm", text(entity, "realm"));
    this.idTokens = [...this.idTokens.filter((other) => !isReplaced(other)), idToken(entity)];
  }

  /**
   * Drops access tokens that expired, or that have no readable expiry.
   *
   * @param {number} now Seconds since the epoch.
   */
  dropExpired(now) {
    const isLive = (/** @type {Entity} */ entity) => (seconds(entity, "expires_on") ?? now) > now;
    this.accessTokens = this.accessTokens.filter(isLive);
    this.isolated = new Map([...this.isolated].filter(([, entity]) => isLive(entity)));
  }

  /**
   * Everything that either side has. Where both have the same thing: the longer-lived access token, the newest refresh
   * token, and for the rest `other`, the later writer.
   *
   * @param {UnifiedCache} other
   */
  merge(other) {
    const merged = new UnifiedCache();
    const { front, beside } = arrange([...this.accessTokens, ...other.accessTokens]);
    merged.accessTokens = [...front, ...beside];
    merged.isolated = new Map([...this.isolated, ...other.isolated]);
    merged.refreshTokens = newestOfBoth(this.refreshTokens, other.refreshTokens);
    merged.idTokens = oneOfEach([...this.idTokens, ...other.idTokens], idTokenKey);
    merged.accounts = oneOfEach([...this.accounts, ...other.accounts], accountKey);
    merged.appMetadata = oneOfEach([...this.appMetadata, ...other.appMetadata], appMetadataKey);
    merged.unknownSections = new Map(this.unknownSections);
    for (const [name, theirs] of other.unknownSections) {
      // Taken for a map like those that are known: each side may have added to it.
      const ours = merged.unknownSections.get(name);
      merged.unknownSections.set(name, isObject(ours) && isObject(theirs) ? { ...ours, ...theirs } : theirs);
    }
    return merged;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Entity}
 */
function document(bytes) {
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (json.trim() === "") return {};
    const value = JSON.parse(json);
    checkDepth(value);
    return object(value);
  } catch {
    // The parser's own message may quote the text, which holds tokens.
    throw new UnreadableError("not_a_cache");
  }
}

/**
 * Refuses what could only be written back at the risk of exhausting the stack.
 *
 * @param {unknown} value
 */
function checkDepth(value) {
  for (let level = [value], depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) throw new UnreadableError("not_a_cache");
    level = level.flatMap((/** @type {unknown} */ one) =>
      typeof one === "object" && one !== null ? Object.values(one) : [],
    );
  }
}

/**
 * @param {unknown} value
 * @returns {value is Entity}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value
 * @returns {Entity}
 */
function object(value) {
  if (!isObject(value)) throw new UnreadableError("not_a_cache");
  return value;
}

/**
 * Entities under their keys. What is found by its fields loses nothing by another key, but would be lost by sharing one.
 *
 * @param {Entity[]} entities
 * @param {(entity: Entity) => string} key
 */
function section(entities, key) {
  /** @type {Map<string, Entity>} */
  const keyed = new Map();
  for (const entity of entities) {
    let free = key(entity);
    while (keyed.has(free)) free += "-";
    keyed.set(free, entity);
  }
  return Object.fromEntries(keyed);
}

/**
 * Entities with the same key become one: the fields of the last, and what only earlier ones had.
 *
 * @param {Entity[]} entities
 * @param {(entity: Entity) => string} key
 */
function oneOfEach(entities, key) {
  /** @type {Map<string, Entity>} */
  const unique = new Map();
  for (const entity of entities) unique.set(key(entity), { ...unique.get(key(entity)), ...entity });
  return [...unique.values()];
}
