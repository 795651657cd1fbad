/** Cache plugin for MSAL Node on the sealed token items that the API and the background sweep share. */

export { AccountCache } from "./account-cache.js";
export * from "./errors.js";
export { KmsKeys } from "./kms-keys.js";
export { LocalKey } from "./local-key.js";
export { TokenStore } from "./token-store.js";

// The clients that the store is given, so that a worker needs no second copy of the SDK.
export { DynamoDBClient } from "@aws-sdk/client-dynamodb";
export { KMSClient } from "@aws-sdk/client-kms";
