/** The token items of the table: read with what may outlaw them, and replaced only by who has seen what they replace. */

import { QueryCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { unavailable } from "./aws-error.js";
import { MissingError, TooLargeError, UnreadableError } from "./errors.js";

/**
 * @typedef {import("./blob.js").ItemAddress} ItemAddress
 * @typedef {import("@aws-sdk/client-dynamodb").AttributeValue} AttributeValue
 */

/**
 * A token item that counts.
 *
 * @typedef {object} TokenItem
 * @property {Uint8Array} blob Sealed.
 * @property {number} version
 * @property {number | undefined} begunAt Milliseconds since the epoch; other programs may leave it out.
 */

/** The largest sealed blob that is written. */
const MAX_BLOB_BYTES = 64 * 1024;

export class TokenItems {
  #dynamodb;

  /** @param {import("@aws-sdk/client-dynamodb").DynamoDBClient} dynamodb */
  constructor(dynamodb) {
    this.#dynamodb = dynamodb;
  }

  /**
   * The item and when the account was last erased. One request: an account's items lie together, and are small.
   *
   * @param {ItemAddress} address
   * @param {number} now Milliseconds since the epoch.
   * @returns {Promise<{ erasedAt: number | undefined, tokens: () => TokenItem }>}
   *   `tokens` throws `MissingError` or `UnreadableError`.
   */
  async read({ table, pk, sk }, now) {
    /** @type {Record<string, AttributeValue>[]} */
    const items = [];
    /** @type {Record<string, AttributeValue> | undefined} */
    let start;
    do {
      const query = new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: "#pk = :pk",
        ExpressionAttributeNames: { "#pk": "pk" },
        ExpressionAttributeValues: { ":pk": { S: pk } },
        ExclusiveStartKey: start,
      });
      const page = await this.#dynamodb.send(query).catch((error) => {
        throw unavailable("read tokens", error);
      });
      items.push(...(page.Items ?? []));
      start = page.LastEvaluatedKey;
    } while (start);
    const find = (/** @type {string} */ sortKey) =>
      items.find((item) => item["sk"]?.S === sortKey && !((integer(item, "ttl") ?? Infinity) * 1000 <= now));
    const tombstone = find("TOMBSTONE");
    const erasedAt = tombstone && integer(tombstone, "erased_at");
    return { erasedAt, tokens: () => decode(find(sk), erasedAt) };
  }

  /**
   * Replaces the item that was read. One request; never creates one. Tells whether it was done: not if somebody else was
   * first, or the item is gone.
   *
   * @param {ItemAddress} address
   * @param {TokenItem} seen
   * @param {Uint8Array} blob Sealed.
   * @param {number} ttl Seconds since the epoch.
   */
  async replace({ table, pk, sk }, seen, blob, ttl) {
    if (blob.length > MAX_BLOB_BYTES) throw new TooLargeError(blob.length, MAX_BLOB_BYTES);
    const { version, begunAt } = seen;
    const update = new UpdateItemCommand({
      TableName: table,
      Key: { pk: { S: pk }, sk: { S: sk } },
      UpdateExpression: "SET #blob = :blob, #version = :next, #ttl = :ttl",
      // An item that was made anew after an erasure can have the version of the old one, but not its beginning.
      ConditionExpression:
        begunAt === undefined
          ? "#version = :seen AND attribute_not_exists(#begun_at)"
          : "#version = :seen AND #begun_at = :begun_at",
      ExpressionAttributeNames: { "#blob": "blob", "#version": "version", "#ttl": "ttl", "#begun_at": "begun_at" },
      ExpressionAttributeValues: {
        ":blob": { B: blob },
        ":next": { N: String(version + 1) },
        ":seen": { N: String(version) },
        ":ttl": { N: String(ttl) },
        ...(begunAt !== undefined && { ":begun_at": { N: String(begunAt) } }),
      },
    });
    try {
      await this.#dynamodb.send(update);
      return true;
    } catch (error) {
      if (error instanceof Error && error.name === "ConditionalCheckFailedException") return false;
      throw unavailable("write tokens", error);
    }
  }
}

/**
 * Whether an erasure outlaws what began at this time: at its very millisecond, or earlier.
 *
 * @param {number | undefined} erasedAt
 * @param {number | undefined} begunAt
 */
export function isOutlawed(erasedAt, begunAt) {
  return erasedAt !== undefined && (begunAt === undefined || begunAt <= erasedAt);
}

/**
 * @param {Record<string, AttributeValue> | undefined} item
 * @param {number | undefined} erasedAt
 * @returns {TokenItem}
 */
function decode(item, erasedAt) {
  if (!item) throw new MissingError();
  const begunAt = integer(item, "begun_at");
  if (isOutlawed(erasedAt, begunAt)) throw new MissingError();
  const [blob, version] = [item["blob"]?.B, integer(item, "version")];
  const isCorrupt = !blob || version === undefined || integer(item, "ttl") === undefined;
  if (isCorrupt || (item["begun_at"] && begunAt === undefined)) throw new UnreadableError("corrupt_item");
  return { blob, version, begunAt };
}

/**
 * @param {Record<string, AttributeValue>} item
 * @param {string} name
 */
function integer(item, name) {
  const number = Number(item[name]?.N);
  return Number.isSafeInteger(number) ? number : undefined;
}
