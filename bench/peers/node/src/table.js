// @ts-check
/**
 * The peer's own table: caches under `CACHE#<partition key>`, and one partition of all accounts that the worker reads.
 *
 * In the peer's favour, against the product: nothing is sealed, writes are not conditional and merge nothing (the last writer
 * wins), items have no time to live, there are no leases, tombstones, back-off or parking, and the worker finds its accounts in
 * one partition, which DynamoDB would throttle at a thousand writes per second.
 */
import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";

// Address, region and credentials are read from the environment by the SDK, which keeps its connections.
const client = new DynamoDBClient({});
const TableName = process.env.TABLE_NAME;
const ACCOUNTS = "ACCOUNTS";

/** What MSAL Node's DistributedCachePlugin asks of a store (`ICacheClient`). */
export const cacheClient = {
  /** @param {string} key */
  async get(key) {
    const { Item } = await client.send(new GetItemCommand({ TableName, Key: cacheKey(key) }));
    return Item?.cache?.S ?? "";
  },

  /** @param {string} key @param {string} value */
  async set(key, value) {
    await client.send(new PutItemCommand({ TableName, Item: { ...cacheKey(key), cache: { S: value } } }));
    return value;
  },
};

/** @param {string} key */
const cacheKey = (key) => ({ pk: { S: `CACHE#${key}` }, sk: { S: "CACHE" } });

/**
 * Notes that a user was here, and under which key their tokens lie.
 *
 * @param {string} account
 * @param {string} cacheKey
 */
export async function noteActivity(account, cacheKey) {
  const Item = {
    pk: { S: ACCOUNTS },
    sk: { S: account },
    cacheKey: { S: cacheKey },
    lastActivity: { N: String(seconds()) },
    failed: { BOOL: false },
  };
  await client.send(new PutItemCommand({ TableName, Item }));
}

/** The accounts whose users have been away for so long, as `{ account, cacheKey }`. @param {number} idleSeconds */
export async function idleAccounts(idleSeconds) {
  const accounts = [];
  let ExclusiveStartKey;
  do {
    /** @type {import("@aws-sdk/client-dynamodb").QueryCommandOutput} */
    const page = await client.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: "pk = :accounts",
        FilterExpression: "lastActivity <= :before AND failed = :no",
        ExpressionAttributeValues: {
          ":accounts": { S: ACCOUNTS },
          ":before": { N: String(seconds() - idleSeconds) },
          ":no": { BOOL: false },
        },
        ExclusiveStartKey,
      }),
    );
    for (const item of page.Items ?? []) {
      accounts.push({ account: item.sk.S ?? "", cacheKey: item.cacheKey.S ?? "" });
    }
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return accounts;
}

/** Notes how an account's turn ended. @param {string} account @param {boolean} failed */
export async function noteTurn(account, failed) {
  await client.send(
    new UpdateItemCommand({
      TableName,
      Key: { pk: { S: ACCOUNTS }, sk: { S: account } },
      UpdateExpression: "SET lastSweep = :now, failed = :failed",
      ExpressionAttributeValues: { ":now": { N: String(seconds()) }, ":failed": { BOOL: failed } },
    }),
  );
}

const seconds = () => Math.floor(Date.now() / 1000);
