/** One account's tokens as a cache plugin for MSAL Node. */

import { ErasedError, MissingError, UnavailableError, UnreadableError } from "./errors.js";
import { seconds, text } from "./entity.js";
import { accountInfo, takeOver, toMsal } from "./msal-view.js";
import { isOutlawed } from "./token-items.js";
import { UnifiedCache } from "./unified-cache.js";

/**
 * @typedef {import("@azure/msal-node").TokenCacheContext} TokenCacheContext
 * @typedef {import("./token-items.js").TokenItem} TokenItem
 * @typedef {import("./token-items.js").TokenItems} TokenItems
 * @typedef {import("./msal-view.js").Identity} Identity
 */

/**
 * @typedef {object} Settings
 * @property {TokenItems} items
 * @property {import("./blob.js").ItemAddress} address
 * @property {import("./blob.js").Sealer} sealer
 * @property {Identity} identity
 * @property {number} ttlSeconds
 * @property {() => number} now Milliseconds since the epoch.
 * @property {() => number} random At least 0, below 1.
 * @property {(milliseconds: number) => Promise<void>} pause
 */

/** How often a write is tried, as the API and the sweep do. */
const WRITE_ATTEMPTS = 6;
/** Before the first repetition; doubled with each. */
const WRITE_PAUSE_MS = 100;
/** How long what `open` read may serve as the first look of MSAL. */
const JUST_READ_MS = 5_000;

/**
 * Give it to one `ConfidentialClientApplication` as `cache.cachePlugin`, and `account` to its `acquireTokenSilent`. Clients
 * are cheap; one that is shared by several accounts would mix their tokens, because MSAL Node has one memory per client.
 *
 * The errors of this package come out of `acquireTokenSilent` as they are. If one does, no token is returned, not even
 * one that Entra has just issued: a worker that cannot keep it must not go on as if it could. (Only while MSAL renews a
 * token that is still good does it swallow errors, and returns that token.)
 *
 * @implements {ICachePlugin}
 * @typedef {import("@azure/msal-node").ICachePlugin} ICachePlugin
 */
export class AccountCache {
  #settings;
  /** The item and its content, as last read or written. @type {{ item: TokenItem, cache: UnifiedCache }} */
  #state;
  /** When `open` read it, until MSAL has had it. @type {number | undefined} */
  #justReadAt;
  /** Secrets that MSAL had from here: what it writes beside them is new. @type {Set<string>} */
  #known = new Set();
  /** Accesses that were begun, and so may write. @type {WeakSet<TokenCacheContext>} */
  #begun = new WeakSet();

  /**
   * @param {Settings} settings
   * @param {{ item: TokenItem, cache: UnifiedCache }} state
   */
  constructor(settings, state) {
    this.#settings = settings;
    this.#state = state;
    this.#justReadAt = settings.now();
  }

  /**
   * Reads and opens an account's tokens.
   *
   * @param {Settings} settings
   */
  static async open(settings) {
    return new AccountCache(settings, await readState(settings));
  }

  /** The account to hand to `acquireTokenSilent`. For a guest its `tenantId` is the tenant they visit: take it for the authority. */
  get account() {
    return accountInfo(this.#state.cache, this.#settings.identity);
  }

  /** Version of the item as last read or written; it grows by one with each write. */
  get version() {
    return this.#state.item.version;
  }

  /**
   * MSAL is about to look, or to store what it obtained. A look reads the item; storing starts from what was last read,
   * so that nothing that Entra issued is lost to a failed read: a conflict shows when it is written.
   *
   * @param {TokenCacheContext} context
   */
  async beforeCacheAccess(context) {
    const { identity, now } = this.#settings;
    if (!context.cacheHasChanged) {
      const justRead = this.#justReadAt !== undefined && now() - this.#justReadAt < JUST_READ_MS;
      this.#justReadAt = undefined;
      if (!justRead) this.#state = await readState(this.#settings);
    }
    this.#begun.add(context);
    this.#remember(this.#state.cache);
    context.tokenCache.deserialize(toMsal(this.#state.cache, identity, epochSeconds(now())));
  }

  /**
   * Stores what MSAL obtained, if it did.
   *
   * @param {TokenCacheContext} context
   */
  async afterCacheAccess(context) {
    // MSAL calls this also when `beforeCacheAccess` failed.
    if (!this.#begun.delete(context) || !context.cacheHasChanged) return;
    const { identity, now } = this.#settings;
    const written = UnifiedCache.parse(Buffer.from(context.tokenCache.serialize(), "utf8"));
    const cache = takeOver(this.#state.cache, written, identity, {
      isKnown: (secret) => this.#known.has(secret),
      refreshTokenExpiry: (secret) => expiryInMemory(context.tokenCache, secret),
      now: epochSeconds(now()),
    });
    if (!cache) return;
    this.#remember(cache);
    await this.#write(cache);
  }

  /** @param {UnifiedCache} cache */
  #remember({ accessTokens, isolated, refreshTokens, idTokens }) {
    for (const entity of [accessTokens, [...isolated.values()], refreshTokens, idTokens].flat()) {
      this.#known.add(text(entity, "secret") ?? "");
    }
  }

  /**
   * Writes it, merged with whatever others wrote meanwhile.
   *
   * @param {UnifiedCache} cache
   */
  async #write(cache) {
    const { items, address, sealer } = this.#settings;
    let { item } = this.#state;
    for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt += 1) {
      if (attempt > 0) await this.#pauseBefore(attempt);
      try {
        const blob = await sealer.seal(address, cache.toBytes());
        if (await items.replace(address, item, blob, this.#ttl(cache))) {
          this.#state = { item: { ...item, blob, version: item.version + 1 }, cache };
          return;
        }
        const present = await this.#readAgain(item);
        item = present.item;
        if (present.cache) cache = present.cache.merge(cache);
      } catch (error) {
        const isLast = attempt + 1 === WRITE_ATTEMPTS;
        if (isLast || !(error instanceof UnavailableError && error.transient)) throw error;
      }
    }
    const reason = `others wrote first ${WRITE_ATTEMPTS} times in a row`;
    throw new UnavailableError("write tokens", reason, { transient: true });
  }

  /**
   * What another writer put in place of `seen`. Unreadable tokens are replaced by ours.
   *
   * @param {TokenItem} seen
   */
  async #readAgain(seen) {
    const { items, address, sealer, now } = this.#settings;
    const { erasedAt, tokens } = await items.read(address, now());
    // What stands there after an erasure belongs to a new sign-in, and ours must not be mixed into it.
    if (isOutlawed(erasedAt, seen.begunAt)) throw new ErasedError();
    try {
      const item = tokens();
      return { item, cache: await openBlob(sealer, address, item).catch(undefinedIfUnreadable) };
    } catch (error) {
      throw error instanceof MissingError ? new ErasedError() : error;
    }
  }

  /**
   * The sliding life, but never beyond the refresh token's own. Seconds since the epoch.
   *
   * @param {UnifiedCache} cache
   */
  #ttl(cache) {
    const { identity, ttlSeconds, now } = this.#settings;
    const end = seconds(cache.refreshToken(identity.clientId) ?? {}, "expires_on") ?? Infinity;
    return Math.min(epochSeconds(now()) + ttlSeconds, end);
  }

  /** @param {number} attempt From 1. */
  #pauseBefore(attempt) {
    const { random, pause } = this.#settings;
    return pause(WRITE_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + random()));
  }
}

/** @param {Settings} settings */
async function readState({ items, address, sealer, now }) {
  const { tokens } = await items.read(address, now());
  const item = tokens();
  return { item, cache: await openBlob(sealer, address, item) };
}

/**
 * @param {import("./blob.js").Sealer} sealer
 * @param {import("./blob.js").ItemAddress} address
 * @param {TokenItem} item
 */
async function openBlob(sealer, address, item) {
  const plaintext = await sealer.open(address, item.blob);
  try {
    return UnifiedCache.parse(plaintext);
  } finally {
    plaintext.fill(0);
  }
}

/** @param {unknown} error */
function undefinedIfUnreadable(error) {
  if (error instanceof UnreadableError) return undefined;
  throw error;
}

/**
 * When a refresh token ends, as far as the authority said. MSAL Node keeps it in memory but does not serialise it.
 *
 * @param {object} tokenCache
 * @param {string} secret
 */
function expiryInMemory(tokenCache, secret) {
  const memory =
    "getKVStore" in tokenCache && typeof tokenCache.getKVStore === "function" ? tokenCache.getKVStore() : {};
  const entity = Object.values(memory).find((value) => value?.secret === secret);
  return entity && seconds(entity, "expiresOn");
}

/** @param {number} milliseconds */
function epochSeconds(milliseconds) {
  return Math.floor(milliseconds / 1000);
}
