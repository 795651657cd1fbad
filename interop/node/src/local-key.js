/** Sealing under a key that comes from configuration: the local stack, and tests. */

import { BranchKey, open, parseBlob, seal } from "./blob.js";
import { UnreadableError } from "./errors.js";

/** The id under which blobs name a key that comes from configuration. */
const LOCAL_ID = "local";

/**
 * Seals with one local branch key, `SEALING_LOCAL_KEY`.
 *
 * @implements {Sealer}
 * @typedef {import("./blob.js").Sealer} Sealer
 * @typedef {import("./blob.js").ItemAddress} ItemAddress
 */
export class LocalKey {
  #key;

  /** @param {string} base64 32 bytes in standard base64 (44 characters). Throws a `RangeError` for anything else. */
  constructor(base64) {
    const text = base64.trim();
    const bytes = Buffer.from(text, "base64");
    // Node leaves out what is not base64; the way back shows whether something was.
    if (bytes.length !== 32 || bytes.toString("base64") !== text) {
      throw new RangeError(
        `expected 32 bytes in base64 (44 characters), got ${text.length} characters; make one with \`openssl rand -base64 32\``,
      );
    }
    this.#key = new BranchKey(LOCAL_ID, bytes);
  }

  /**
   * @param {ItemAddress} address
   * @param {Uint8Array} plaintext
   */
  async seal(address, plaintext) {
    return seal(this.#key, address, plaintext);
  }

  /**
   * @param {ItemAddress} address
   * @param {Uint8Array} sealed
   */
  async open(address, sealed) {
    const blob = parseBlob(sealed);
    if (blob.keyId !== this.#key.id) throw new UnreadableError("unknown_key");
    return open(this.#key, address, blob);
  }
}
