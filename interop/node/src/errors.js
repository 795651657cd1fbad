/**
 * What can go wrong, by what the caller does next. No message carries a token, a key or a part of a blob.
 */

/** Base of every error of this package. `code` is a short name that does not change, for logs and counts. */
export class TokenCacheError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The table has no tokens of this account: never signed in, past their time, or erased. Skip the account. */
export class MissingError extends TokenCacheError {
  constructor() {
    super("missing", "the table has no tokens of this account; the user's next sign-in puts some there");
  }
}

/**
 * The user ended background access, or the tokens reached their time, after they were read. Nothing was written, and the
 * token that was just obtained must not be used.
 */
export class ErasedError extends TokenCacheError {
  constructor() {
    super("erased", "the account's tokens are gone since they were read; nothing was written");
  }
}

/**
 * A blob that no waiting opens. Count it and skip the account: the user's next sign-in replaces it.
 *
 * `reason` is one of docs/data-model.md (`malformed`, `unknown_version`, `unknown_key`, `not_authentic`), or
 * `corrupt_item` (the item is not laid out as there), or `not_a_cache` (what is inside is not MSAL's unified cache).
 */
export class UnreadableError extends TokenCacheError {
  /** @param {"malformed" | "unknown_version" | "unknown_key" | "not_authentic" | "corrupt_item" | "not_a_cache"} reason */
  constructor(reason) {
    super("unreadable", `the account's tokens cannot be read: ${reason}`);
    this.reason = reason;
  }
}

/**
 * The table or KMS cannot be had now; the tokens stay where they are. With `transient` it passes by itself (throttled,
 * timed out, down, or others wrote first each time); without, somebody must see to it (permission, table, KMS key): `cause` says what.
 */
export class UnavailableError extends TokenCacheError {
  /**
   * @param {string} operation
   * @param {string} reason
   * @param {{ transient: boolean, cause?: unknown }} details
   */
  constructor(operation, reason, { transient, cause }) {
    super("unavailable", `${operation}: ${reason}`, { cause });
    this.operation = operation;
    this.transient = transient;
  }
}

/** The sealed cache is over 64 KiB. Nothing was written; a cache of one user and one application has some 5 KB. */
export class TooLargeError extends TokenCacheError {
  /**
   * @param {number} bytes
   * @param {number} limit
   */
  constructor(bytes, limit) {
    super("too_large", `the cache has ${bytes} bytes; expected at most ${limit}`);
    this.bytes = bytes;
    this.limit = limit;
  }
}

/** `removeAccount` was called. A worker does not end background access: that is the API's `DELETE /api/background-access`. */
export class RemovalRefusedError extends TokenCacheError {
  constructor() {
    super(
      "removal_refused",
      "removing the account was refused, nothing was written; background access ends by DELETE /api/background-access",
    );
  }
}
