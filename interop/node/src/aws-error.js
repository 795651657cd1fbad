/** What errors of the AWS SDK mean to the caller. */

import { UnavailableError } from "./errors.js";

/** Service errors that pass by themselves, beside those with HTTP status 429 or 5xx. */
const PASSING = new Set([
  "InternalServerError",
  "KMSInternalException",
  "LimitExceededException",
  "ProvisionedThroughputExceededException",
  "ReplicatedWriteConflictException",
  "RequestLimitExceeded",
  "ServiceUnavailable",
  "ThrottlingException",
  "TransactionConflictException",
]);

/**
 * Sorts an error of the AWS SDK by what helps: waiting, or an operator.
 *
 * @param {string} operation
 * @param {unknown} error
 */
export function unavailable(operation, error) {
  const { name, $metadata, $response } =
    /** @type {{ name?: string, $metadata?: { httpStatusCode?: number }, $response?: { statusCode?: number } }} */ (
      error
    );
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  const unsent = name === "CredentialsProviderError" || (error instanceof Error && error.message.startsWith("Region"));
  const transient = !unsent && (status === undefined || status === 429 || status >= 500 || PASSING.has(name ?? ""));
  return new UnavailableError(operation, name ?? "an error without a name", { transient, cause: error });
}
