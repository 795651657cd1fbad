/** The table of the API and the sweep, as a worker opens accounts in it. */

import { setTimeout } from "node:timers/promises";
import { AccountCache } from "./account-cache.js";
import { TokenItems } from "./token-items.js";

const GUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ACCOUNT = new RegExp(`^(${GUID})\\.(${GUID})$`);

export class TokenStore {
  #options;

  /**
   * @param {object} options
   * @param {import("@aws-sdk/client-dynamodb").DynamoDBClient} options.dynamodb With its timeouts set.
   * @param {string} options.table `TABLE_NAME`.
   * @param {string} options.clientId `ENTRA_CLIENT_ID`, spelled as in MSAL's configuration.
   * @param {import("./blob.js").Sealer} options.sealer `KmsKeys`, or `LocalKey` on a local stack.
   * @param {number} [options.ttlSeconds] `TOKEN_CACHE_TTL_SECONDS`: sliding life of an item that is written. 14 days.
   * @param {() => number} [options.now] Milliseconds since the epoch.
   * @param {() => number} [options.random] At least 0, below 1; spreads repetitions.
   * @param {(milliseconds: number) => Promise<void>} [options.pause]
   */
  constructor({
    dynamodb,
    table,
    clientId,
    sealer,
    ttlSeconds = 1_209_600,
    now = Date.now,
    random = Math.random,
    pause = (milliseconds) => setTimeout(milliseconds),
  }) {
    if (!new RegExp(`^${GUID}$`, "i").test(clientId)) {
      throw new RangeError("expected the client id as a GUID, as in the app registration's overview");
    }
    this.#options = { items: new TokenItems(dynamodb), table, clientId, sealer, ttlSeconds, now, random, pause };
  }

  /**
   * Reads and opens an account's tokens. Rejects with `MissingError`, `UnreadableError` (both: skip the account),
   * `UnavailableError` (try again later) or, for what is no account, a `RangeError`.
   *
   * @param {string} account `<object id>.<tenant id>`, as the item's key names it: for a guest those of the tenant that
   *   they visit.
   */
  async open(account) {
    const [, objectId, tenantId] = ACCOUNT.exec(account.toLowerCase()) ?? [];
    if (objectId === undefined || tenantId === undefined) {
      throw new RangeError("expected an account as `<object id>.<tenant id>`");
    }
    const { table, clientId, ...settings } = this.#options;
    const client = clientId.toLowerCase();
    return AccountCache.open({
      ...settings,
      address: { table, pk: `ACCOUNT#${objectId}.${tenantId}`, sk: `TOKENS#${client}`, clientId: client },
      identity: { clientId, objectId, tenantId },
    });
  }
}
