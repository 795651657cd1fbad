/** The key items of the table: branch keys, wrapped by KMS (docs/data-model.md, "Branch keys"). Only read here. */

import { GetItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { unavailable } from "./aws-error.js";
import { UnavailableError } from "./errors.js";

const PARTITION = "KEY#token-blob";

/** @typedef {{ date: string, wrapped: Uint8Array }} WrappedKey A branch key by its date (`YYYY-MM-DD`), as KMS wrapped it. */
/** @typedef {import("@aws-sdk/client-dynamodb").AttributeValue} AttributeValue */

export class BranchKeyItems {
  #dynamodb;
  #table;

  /**
   * @param {import("@aws-sdk/client-dynamodb").DynamoDBClient} dynamodb
   * @param {string} table
   */
  constructor(dynamodb, table) {
    this.#dynamodb = dynamodb;
    this.#table = table;
  }

  /** The item with the latest date; `undefined` where there is none. */
  async newest() {
    const operation = "newest branch key";
    const query = new QueryCommand({
      TableName: this.#table,
      ConsistentRead: true,
      KeyConditionExpression: "#pk = :pk",
      ExpressionAttributeNames: { "#pk": "pk" },
      ExpressionAttributeValues: { ":pk": { S: PARTITION } },
      ScanIndexForward: false,
      Limit: 1,
    });
    const page = await this.#dynamodb.send(query).catch((error) => {
      throw unavailable(operation, error);
    });
    const item = page.Items?.[0];
    return item && read(operation, item);
  }

  /**
   * The item of a date; `undefined` where there is none.
   *
   * @param {string} date
   */
  async get(date) {
    const operation = "branch key";
    const get = new GetItemCommand({
      TableName: this.#table,
      ConsistentRead: true,
      Key: { pk: { S: PARTITION }, sk: { S: date } },
    });
    const { Item } = await this.#dynamodb.send(get).catch((error) => {
      throw unavailable(operation, error);
    });
    return Item && read(operation, Item);
  }
}

/**
 * Whether a text is a date as branch keys are named by: one date, one text.
 *
 * @param {string} text
 */
export function isKeyDate(text) {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/**
 * A key item that cannot be read is an error, not a miss: what it seals must not be given up for it.
 *
 * @param {string} operation
 * @param {Record<string, AttributeValue>} item
 * @returns {WrappedKey}
 */
function read(operation, item) {
  const date = item["sk"]?.S;
  const wrapped = item["wrapped"]?.B;
  if (date === undefined || !isKeyDate(date) || !wrapped?.length) {
    const reason = "the branch key item is corrupt; restore it, or delete it to give up what it seals";
    throw new UnavailableError(operation, reason, { transient: false });
  }
  return { date, wrapped };
}
