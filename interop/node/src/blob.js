/**
 * The bytes of a sealed blob, and sealing and opening them under one branch key (docs/data-model.md, "The sealed blob").
 */

import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import { TooLargeError, UnreadableError } from "./errors.js";

/**
 * Where an item lies. A blob opens at its place only.
 *
 * @typedef {object} ItemAddress
 * @property {string} table
 * @property {string} pk
 * @property {string} sk
 * @property {string} clientId
 */

/**
 * Seals and opens the blobs of token items.
 *
 * @typedef {object} Sealer
 * @property {(address: ItemAddress, plaintext: Uint8Array) => Promise<Buffer>} seal
 *   Rejects with `UnavailableError`.
 * @property {(address: ItemAddress, sealed: Uint8Array) => Promise<Buffer>} open
 *   Rejects with `UnreadableError` or `UnavailableError`.
 */

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** The most that is sealed, before compression; more than that never comes out of a blob. */
const MAX_PLAINTEXT_BYTES = 1024 * 1024;
const CIPHER = "aes-256-gcm";
/** Names the use of the derived key, so that the branch key can serve other uses without touching this one. */
const PURPOSE = Buffer.from("shared-token-cache/token-blob/v1");

/** 256 random bits that all environments of a deployment share, and the name under which blobs know them. Never printed. */
export class BranchKey {
  #material;

  /**
   * Takes the key over and erases the caller's bytes.
   *
   * @param {string} id
   * @param {Uint8Array} bytes 32 of them.
   */
  constructor(id, bytes) {
    if (bytes.length !== KEY_BYTES) {
      throw new RangeError(`expected a branch key of ${KEY_BYTES} bytes, got ${bytes.length}`);
    }
    this.id = id;
    this.#material = createSecretKey(bytes);
    bytes.fill(0);
  }

  /**
   * The AES-256-GCM key of one item (HKDF-SHA-256, RFC 5869). The caller erases it.
   *
   * @param {ItemAddress} address
   */
  itemKey(address) {
    const info = Buffer.concat([PURPOSE, addressBytes(address)]);
    return Buffer.from(hkdfSync("sha256", this.#material, Buffer.alloc(0), info, KEY_BYTES));
  }
}

/**
 * Table, partition key, sort key and client id, each preceded by its length in four bytes (big endian).
 *
 * @param {ItemAddress} address
 */
export function addressBytes(address) {
  return Buffer.concat(
    [address.table, address.pk, address.sk, address.clientId].flatMap((part) => {
      const bytes = Buffer.from(part, "utf8");
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

/**
 * Version, length of the key id, key id, and the address.
 *
 * @param {string} keyId
 * @param {ItemAddress} address
 */
export function associatedData(keyId, address) {
  return Buffer.concat([header(keyId), addressBytes(address)]);
}

/** @param {string} keyId */
function header(keyId) {
  const bytes = Buffer.from(keyId, "utf8");
  return Buffer.concat([Buffer.from([VERSION, bytes.length]), bytes]);
}

/**
 * Takes a sealed blob apart; nothing in it is to be believed before it was opened.
 *
 * @param {Uint8Array} sealed
 */
export function parseBlob(sealed) {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length > 0 && bytes[0] !== VERSION) throw new UnreadableError("unknown_version");
  const keyIdEnd = 2 + (bytes[1] ?? 0);
  const nonceEnd = keyIdEnd + NONCE_BYTES;
  if (bytes.length < nonceEnd + TAG_BYTES) throw new UnreadableError("malformed");
  return {
    keyId: keyIdText(bytes.subarray(2, keyIdEnd)),
    nonce: bytes.subarray(keyIdEnd, nonceEnd),
    ciphertext: bytes.subarray(nonceEnd, bytes.length - TAG_BYTES),
    tag: bytes.subarray(bytes.length - TAG_BYTES),
  };
}

/** @param {Uint8Array} bytes */
function keyIdText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UnreadableError("malformed");
  }
}

/**
 * @param {BranchKey} key
 * @param {ItemAddress} address
 * @param {Uint8Array} plaintext
 */
export function seal(key, address, plaintext) {
  if (plaintext.length > MAX_PLAINTEXT_BYTES) throw new TooLargeError(plaintext.length, MAX_PLAINTEXT_BYTES);
  return encrypt(key, address, deflateSync(plaintext), randomBytes(NONCE_BYTES));
}

/**
 * What is left to do once compression and chance had their part.
 *
 * @param {BranchKey} key
 * @param {ItemAddress} address
 * @param {Uint8Array} compressed
 * @param {Uint8Array} nonce 12 bytes, only ever used once.
 */
export function encrypt(key, address, compressed, nonce) {
  const itemKey = key.itemKey(address);
  try {
    const cipher = createCipheriv(CIPHER, itemKey, nonce);
    cipher.setAAD(associatedData(key.id, address));
    const ciphertext = Buffer.concat([cipher.update(compressed), cipher.final()]);
    return Buffer.concat([header(key.id), nonce, ciphertext, cipher.getAuthTag()]);
  } finally {
    itemKey.fill(0);
  }
}

/**
 * Opens a blob that names this key.
 *
 * @param {BranchKey} key
 * @param {ItemAddress} address
 * @param {ReturnType<typeof parseBlob>} blob
 */
export function open(key, address, blob) {
  const itemKey = key.itemKey(address);
  try {
    const decipher = createDecipheriv(CIPHER, itemKey, blob.nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(blob.keyId, address));
    decipher.setAuthTag(blob.tag);
    const compressed = decipher.update(blob.ciphertext);
    try {
      decipher.final();
    } catch {
      compressed.fill(0);
      throw new UnreadableError("not_authentic");
    }
    return decompress(compressed);
  } finally {
    itemKey.fill(0);
  }
}

/** @param {Uint8Array} compressed */
function decompress(compressed) {
  try {
    return inflateSync(compressed, { maxOutputLength: MAX_PLAINTEXT_BYTES });
  } catch {
    throw new UnreadableError("malformed");
  }
}
