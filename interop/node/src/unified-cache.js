/**
 * MSAL's unified cache (schema v3) as the API and the sweep keep it (docs/data-model.md, "The cache inside the blob").
 * Entities are found by their fields, never by their keys; sections and fields that are not known are kept.
 */

import {
  OBTAINED_FOR,
  accessTokenKey,
  accountKey,
  appMetadataKey,
  idTokenKey,
  is,
  modified,
  newestRefreshToken,
  refreshTokenKey,
  refreshTokenOwner,
  samePlace,
  seconds,
  sessionKey,
  text,
} from "./entity.js";
import { UnreadableError } from "./errors.js";

/** @typedef {import("./entity.js").Entity} Entity */

/** Access tokens of other sessions that are kept beside the newest one. */
const KEPT_SESSIONS = 8;
/** Nesting at which the API's JSON reader stops too. */
const DEEPEST = 127;

export class UnifiedCache {
  /** @type {Entity[]} */ accessTokens = [];
  /** Of the user's other sessions, in a section that no MSAL library looks at. @type {Entity[]} */
  sessionAccessTokens = [];
  /** @type {Entity[]} */ refreshTokens = [];
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
      const section = sections.get(name) ?? {};
      sections.delete(name);
      return Object.values(object(section)).map(object);
    };
    cache.accessTokens = take("AccessToken");
    cache.sessionAccessTokens = take("SessionAccessToken");
    cache.refreshTokens = take("RefreshToken");
    cache.idTokens = take("IdToken");
    cache.accounts = take("Account");
    cache.appMetadata = take("AppMetadata");
    cache.unknownSections = sections;
    return cache;
  }

  /** Another cache with the same entities, which are never changed in place. */
  copy() {
    return Object.assign(new UnifiedCache(), this);
  }

  /** As JSON, with exactly one refresh token per user and client, and keys that every library accepts. */
  toBytes() {
    /** @type {[string, unknown][]} */
    const sections = [
      ["AccessToken", section(this.accessTokens, accessTokenKey)],
      ["RefreshToken", section(onePerOwner(this.refreshTokens), refreshTokenKey)],
      ["IdToken", section(this.idTokens, idTokenKey)],
      ["Account", section(this.accounts, accountKey)],
      ["AppMetadata", section(this.appMetadata, appMetadataKey)],
    ];
    if (this.sessionAccessTokens.length > 0) {
      sections.push(["SessionAccessToken", section(this.sessionAccessTokens, sessionKey)]);
    }
    return Buffer.from(JSON.stringify(Object.fromEntries([...sections, ...this.unknownSections])), "utf8");
  }

  /**
   * The newest refresh token of a client.
   *
   * @param {string} clientId
   */
  refreshToken(clientId) {
    return newestRefreshToken(this.refreshTokens.filter((entity) => is(entity, "client_id", clientId)));
  }

  /**
   * Takes in an access token that no caller's bearer token obtained. It stands where MSAL looks; those of sessions that
   * it displaces move beside it, so that the API still finds the one of its caller.
   *
   * @param {Entity} entity
   */
  recordAccessToken(entity) {
    const displaced = this.accessTokens.filter((other) => samePlace(other, entity));
    this.accessTokens = [...this.accessTokens.filter((other) => !displaced.includes(other)), entity];
    this.sessionAccessTokens = boundSessions([...this.sessionAccessTokens, ...displaced].filter(isOfASession));
  }

  /**
   * Takes in a refresh token in place of every other one of its client.
   *
   * @param {Entity} entity
   * @param {number} now Seconds since the epoch. The token gets a later time than those it came from, whatever the
   *   clocks of their writers said, so that every reader takes it for the newest.
   */
  recordRefreshToken(entity, now) {
    const same = this.refreshTokens.filter((other) => is(other, "client_id", text(entity, "client_id")));
    const latest = Math.max(now, ...same.map((other) => modified(other) + 1));
    this.refreshTokens = [
      ...this.refreshTokens.filter((other) => !same.includes(other)),
      { ...entity, last_modification_time: String(latest) },
    ];
  }

  /** @param {Entity} entity */
  recordIdToken(entity) {
    const replaced = (/** @type {Entity} */ other) =>
      is(other, "client_id", text(entity, "client_id")) && is(other, "realm", text(entity, "realm"));
    this.idTokens = [...this.idTokens.filter((other) => !replaced(other)), entity];
  }

  /**
   * Drops access tokens that expired, or that have no readable expiry.
   *
   * @param {number} now Seconds since the epoch.
   */
  dropExpired(now) {
    const live = (/** @type {Entity} */ entity) => (seconds(entity, "expires_on") ?? -Infinity) > now;
    this.accessTokens = this.accessTokens.filter(live);
    this.sessionAccessTokens = this.sessionAccessTokens.filter(live);
  }

  /**
   * Everything that either side has. Where both have the same thing: the longer-lived access token, the newest refresh
   * token, and for the rest `other`, the later writer.
   *
   * @param {UnifiedCache} other
   */
  merge(other) {
    const merged = new UnifiedCache();
    const mine = [...this.accessTokens, ...this.sessionAccessTokens];
    const theirs = [...other.accessTokens, ...other.sessionAccessTokens];
    const [front, beside] = oneInFront(
      union(mine, theirs, sessionKey, (left, right) => later(left, right, "expires_on")),
    );
    merged.accessTokens = front;
    merged.sessionAccessTokens = boundSessions(beside);
    merged.refreshTokens = union(
      onePerOwner(this.refreshTokens),
      onePerOwner(other.refreshTokens),
      refreshTokenOwner,
      (left, right) => later(left, right, "last_modification_time"),
    );
    merged.idTokens = union(this.idTokens, other.idTokens, idTokenKey, second);
    merged.accounts = union(this.accounts, other.accounts, accountKey, second);
    merged.appMetadata = union(this.appMetadata, other.appMetadata, appMetadataKey, second);
    merged.unknownSections = new Map([...this.unknownSections, ...other.unknownSections]);
    return merged;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Entity}
 */
function document(bytes) {
  try {
    const json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
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
 * @returns {Entity}
 */
function object(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new UnreadableError("not_a_cache");
  return /** @type {Entity} */ (value);
}

/**
 * @param {Entity[]} entities
 * @param {(entity: Entity) => string} key
 */
function section(entities, key) {
  return Object.fromEntries(entities.map((entity) => [key(entity), entity]));
}

/**
 * @param {Entity[]} refreshTokens
 * @returns {Entity[]}
 */
function onePerOwner(refreshTokens) {
  const owners = new Set(refreshTokens.map(refreshTokenOwner));
  return [...owners]
    .map((owner) => newestRefreshToken(refreshTokens.filter((entity) => refreshTokenOwner(entity) === owner)))
    .filter((entity) => entity !== undefined);
}

/** @param {Entity} entity */
function isOfASession(entity) {
  return text(entity, OBTAINED_FOR) !== undefined;
}

/**
 * Keeps the longest-lived sessions when there are too many.
 *
 * @param {Entity[]} sessions
 */
function boundSessions(sessions) {
  const expiry = (/** @type {Entity} */ entity) => seconds(entity, "expires_on") ?? Number.MIN_SAFE_INTEGER;
  return sessions.toSorted((left, right) => expiry(right) - expiry(left)).slice(0, KEPT_SESSIONS);
}

/**
 * Of the access tokens with one MSAL key the longest-lived stands where MSAL looks for it, those of sessions beside it.
 *
 * @param {Entity[]} accessTokens
 * @returns {[Entity[], Entity[]]}
 */
function oneInFront(accessTokens) {
  /** @type {Map<string, Entity>} */
  const front = new Map();
  const beside = [];
  for (const entity of accessTokens) {
    const key = accessTokenKey(entity);
    const present = front.get(key);
    const chosen = present ? later(present, entity, "expires_on") : entity;
    front.set(key, chosen);
    if (present) beside.push(chosen === entity ? present : entity);
  }
  return [[...front.values()], beside.filter(isOfASession)];
}

/**
 * @param {Entity[]} left
 * @param {Entity[]} right
 * @param {(entity: Entity) => string} key
 * @param {(left: Entity, right: Entity) => Entity} choose
 */
function union(left, right, key, choose) {
  /** @type {Map<string, Entity>} */
  const merged = new Map();
  for (const entity of [...left, ...right]) {
    const present = merged.get(key(entity));
    merged.set(key(entity), present ? choose(present, entity) : entity);
  }
  return [...merged.values()];
}

/**
 * The one with the later time. At the same second the secret decides, so that the order of merging does not.
 *
 * @param {Entity} left
 * @param {Entity} right
 * @param {string} field
 */
function later(left, right, field) {
  const times = [left, right].map((entity) => seconds(entity, field) ?? -Infinity);
  const [first, last] = /** @type {[number, number]} */ (times);
  if (first !== last) return first > last ? left : right;
  return compareBytes(text(left, "secret") ?? "", text(right, "secret") ?? "") > 0 ? left : right;
}

/** @param {string} left @param {string} right */
function compareBytes(left, right) {
  return Buffer.compare(Buffer.from(left, "utf8"), Buffer.from(right, "utf8"));
}

/** @param {Entity} _left @param {Entity} right */
function second(_left, right) {
  return right;
}
