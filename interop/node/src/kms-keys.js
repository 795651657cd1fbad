/** Sealing under the branch keys of the table, which KMS unwraps: looked up, unwrapped once, kept. */

import { DecryptCommand } from "@aws-sdk/client-kms";
import { BranchKey, open, parseBlob, seal } from "./blob.js";
import { BranchKeyItems, isKeyDate } from "./branch-keys.js";
import { unavailable } from "./aws-error.js";
import { UnavailableError, UnreadableError } from "./errors.js";

/** How long a key is used before the table is looked at again; KMS is asked only if the item has changed. */
const LOOK_AGAIN_MS = 3_600_000;
/** Keys kept unwrapped. Blobs are sealed anew long before so many keys were made. */
const MOST_KEYS = 8;

/**
 * Seals under the newest branch key there is and opens under the one that a blob names.
 *
 * It makes no keys: a blob to be updated was sealed under one, and the API and the sweep make the next when it is due. So
 * a worker's role needs `kms:Decrypt` alone, and cannot put a key of its own under everybody's tokens.
 *
 * @implements {Sealer}
 * @typedef {import("./blob.js").Sealer} Sealer
 * @typedef {import("./blob.js").ItemAddress} ItemAddress
 * @typedef {import("./branch-keys.js").WrappedKey} WrappedKey
 */
export class KmsKeys {
  #kms;
  #keyArn;
  #table;
  #items;
  #now;
  /** @type {Map<string, { key: BranchKey, wrapped: Uint8Array, lookedAt: number }>} */
  #held = new Map();
  /** @type {{ date: string, lookedAt: number } | undefined} */
  #newest;
  /** One lookup at a time for each key that is wanted. @type {Map<string, Promise<BranchKey | undefined>>} */
  #underWay = new Map();

  /**
   * @param {object} options
   * @param {import("@aws-sdk/client-kms").KMSClient} options.kms With its timeouts set.
   * @param {string} options.keyArn `SEALING_KEY_ARN`. Only this key is ever asked, whatever stands in the table.
   * @param {import("@aws-sdk/client-dynamodb").DynamoDBClient} options.dynamodb
   * @param {string} options.table `TABLE_NAME`.
   * @param {() => number} [options.now] Milliseconds since the epoch.
   */
  constructor({ kms, keyArn, dynamodb, table, now = Date.now }) {
    this.#kms = kms;
    this.#keyArn = keyArn;
    this.#table = table;
    this.#items = new BranchKeyItems(dynamodb, table);
    this.#now = now;
  }

  /**
   * @param {ItemAddress} address
   * @param {Uint8Array} plaintext
   */
  async seal(address, plaintext) {
    const key = await this.#lookUp("newest");
    if (!key) {
      const reason = "the table has no branch key to seal under; the API makes one at the next sign-in";
      throw new UnavailableError("newest branch key", reason, { transient: false });
    }
    return seal(key, address, plaintext);
  }

  /**
   * @param {ItemAddress} address
   * @param {Uint8Array} sealed
   */
  async open(address, sealed) {
    const blob = parseBlob(sealed);
    const key = isKeyDate(blob.keyId) ? await this.#lookUp(blob.keyId) : undefined;
    if (!key) throw new UnreadableError("unknown_key");
    return open(key, address, blob);
  }

  /**
   * @param {string} wanted `newest`, or a date.
   * @returns {Promise<BranchKey | undefined>}
   */
  async #lookUp(wanted) {
    const held = this.#kept(wanted);
    if (held && this.#now() - held.lookedAt < LOOK_AGAIN_MS) return held.key;
    let lookup = this.#underWay.get(wanted);
    if (!lookup) {
      lookup = this.#ask(wanted).finally(() => this.#underWay.delete(wanted));
      this.#underWay.set(wanted, lookup);
    }
    return lookup;
  }

  /** @param {string} wanted */
  async #ask(wanted) {
    try {
      const item = wanted === "newest" ? await this.#items.newest() : await this.#items.get(wanted);
      if (!item) {
        this.#forget(wanted);
        return undefined;
      }
      const key = await this.#unwrap(item);
      if (wanted === "newest") this.#newest = { date: item.date, lookedAt: this.#now() };
      return key;
    } catch (error) {
      // A table or KMS that cannot be asked says nothing against the key.
      const kept = this.#kept(wanted);
      if (kept && error instanceof UnavailableError) return kept.key;
      throw error;
    }
  }

  /**
   * Asks KMS, unless this very item has been unwrapped before.
   *
   * @param {WrappedKey} item
   */
  async #unwrap({ date, wrapped }) {
    const known = this.#held.get(date);
    const key = known && Buffer.compare(known.wrapped, wrapped) === 0 ? known.key : await this.#decrypt(date, wrapped);
    this.#held.delete(date);
    this.#held.set(date, { key, wrapped, lookedAt: this.#now() });
    if (this.#held.size > MOST_KEYS) {
      const oldest = [...this.#held.keys()].filter((other) => other !== date).sort()[0];
      this.#held.delete(/** @type {string} */ (oldest));
    }
    return key;
  }

  /**
   * @param {string} date
   * @param {Uint8Array} wrapped
   */
  async #decrypt(date, wrapped) {
    const decrypt = new DecryptCommand({
      KeyId: this.#keyArn,
      CiphertextBlob: wrapped,
      EncryptionContext: { table: this.#table, purpose: "token-blob", date },
    });
    const { Plaintext } = await this.#kms.send(decrypt).catch((error) => {
      throw unavailable("kms:Decrypt", error);
    });
    if (Plaintext?.length !== 32) {
      const reason = `expected a key of 32 bytes, got ${Plaintext?.length ?? 0}`;
      throw new UnavailableError("kms:Decrypt", reason, { transient: false });
    }
    return new BranchKey(date, Plaintext);
  }

  /** @param {string} wanted */
  #kept(wanted) {
    if (wanted !== "newest") return this.#held.get(wanted);
    const key = this.#newest && this.#held.get(this.#newest.date)?.key;
    return key && this.#newest && { key, lookedAt: this.#newest.lookedAt };
  }

  /** @param {string} wanted */
  #forget(wanted) {
    this.#held.delete(wanted);
    if (wanted === "newest" || this.#newest?.date === wanted) this.#newest = undefined;
  }
}
