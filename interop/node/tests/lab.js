/** What the tests share: a table of their own, sealed items in it, and an authority for MSAL Node that answers as Entra ID does. */

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { CreateTableCommand, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { ConfidentialClientApplication } from "@azure/msal-node";
import { DynamoDBClient, LocalKey, TokenStore } from "../src/index.js";

/**
 * @typedef {Record<string, unknown>} Entity
 * @typedef {Record<string, Record<string, Entity>>} Document
 * @typedef {import("../src/blob.js").Sealer} Sealer
 */

/** @param {string} name */
export function endpoint(name) {
  const url = process.env[name];
  if (!url) throw new Error(`${name} is not set: start moto's server, or run \`cargo xtask test --only interop-node\``);
  return url;
}

export const aws = { region: "eu-west-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };
export const clientId = "00000000-0000-4000-8000-0000000000c1";
export const home = "00000000-0000-4000-8000-0000000000a0";
export const host = "login.windows.net";
export const graph = "https://graph.microsoft.com";
/** Seconds since the epoch at which the tests take place: now, as MSAL Node looks at the real clock. */
export const now = Math.floor(Date.now() / 1000);

export function dynamodb(options = {}) {
  return new DynamoDBClient({ ...aws, endpoint: endpoint("AWS_ENDPOINT_URL_DYNAMODB"), ...options });
}

/** A table of its own, a user of its own and a store on them. */
export class Lab {
  user = { objectId: randomUUID(), tenantId: home };
  table = `tokens-${randomUUID()}`;
  client = dynamodb();
  sealer = new LocalKey(randomBytes(32).toString("base64"));
  /** Pauses that the store asked for, in milliseconds. None is waited for. @type {number[]} */
  pauses = [];

  static async start() {
    const lab = new Lab();
    await lab.client.send(
      new CreateTableCommand({
        TableName: lab.table,
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [
          { AttributeName: "pk", KeyType: "HASH" },
          { AttributeName: "sk", KeyType: "RANGE" },
        ],
        AttributeDefinitions: [
          { AttributeName: "pk", AttributeType: "S" },
          { AttributeName: "sk", AttributeType: "S" },
        ],
      }),
    );
    return lab;
  }

  get account() {
    return `${this.user.objectId}.${this.user.tenantId}`;
  }

  get address() {
    return { table: this.table, pk: `ACCOUNT#${this.account}`, sk: `TOKENS#${clientId}`, clientId };
  }

  /** @param {Partial<ConstructorParameters<typeof TokenStore>[0]>} [options] */
  store(options) {
    const pause = async (/** @type {number} */ milliseconds) => void this.pauses.push(milliseconds);
    const { client, table, sealer } = this;
    return new TokenStore({ dynamodb: client, table, clientId, sealer, random: () => 0.5, pause, ...options });
  }

  /**
   * Puts a sealed cache into the user's item.
   *
   * @param {object} document
   * @param {{ version?: number, begunAt?: number, ttl?: number }} [attributes]
   */
  async put(document, { version = 1, begunAt = now * 1000, ttl = now + 1000 } = {}) {
    const blob = await this.sealer.seal(this.address, Buffer.from(JSON.stringify(document)));
    await this.putItem({
      sk: { S: this.address.sk },
      blob: { B: blob },
      version: { N: String(version) },
      begun_at: { N: String(begunAt) },
      ttl: { N: String(ttl) },
    });
  }

  /** @param {Record<string, import("@aws-sdk/client-dynamodb").AttributeValue>} attributes */
  async putItem(attributes) {
    const Item = { pk: { S: this.address.pk }, ...attributes };
    await this.client.send(new PutItemCommand({ TableName: this.table, Item }));
  }

  /** @param {number} erasedAt Milliseconds since the epoch. */
  async putTombstone(erasedAt, ttl = now + 1000) {
    await this.putItem({ sk: { S: "TOMBSTONE" }, erased_at: { N: String(erasedAt) }, ttl: { N: String(ttl) } });
  }

  /** The user's token item as it is in the table; `undefined` if it is not. */
  async item() {
    const { pk, sk } = this.address;
    const get = new GetItemCommand({
      TableName: this.table,
      Key: { pk: { S: pk }, sk: { S: sk } },
      ConsistentRead: true,
    });
    return (await this.client.send(get)).Item;
  }

  /** What the item holds, opened. @returns {Promise<Document>} */
  async document() {
    const item = await this.item();
    return JSON.parse((await this.sealer.open(this.address, item?.["blob"]?.B ?? new Uint8Array())).toString());
  }

  /**
   * The user's cache as the API writes it, with other contents where given.
   *
   * @param {Partial<Parameters<typeof cacheOf>[1]>} [details]
   */
  cache({ scopes = [`${graph}/User.Read`], expiresIn = 3600, ...more } = {}) {
    return cacheOf(this.user, { homeAccountId: this.account, scopes, expiresIn, ...more });
  }
}

/**
 * @param {{ objectId: string, tenantId: string }} user
 * @param {{ homeAccountId: string, scopes: string[], expiresIn: number, refreshToken?: string, accessToken?: string }} details
 * @returns {Document}
 */
export function cacheOf(user, { homeAccountId, scopes, expiresIn, refreshToken = "rt-0", accessToken = "at-0" }) {
  const target = scopes.join(" ");
  const filed = {
    home_account_id: homeAccountId,
    environment: host,
    client_id: clientId,
    client_info: clientInfo(homeAccountId),
  };
  const hashes = { user_assertion_hash: homeAccountId, userAssertionHash: homeAccountId };
  const prefix = `${homeAccountId}-${host}`;
  return {
    AccessToken: {
      [`${prefix}-accesstoken-${clientId}-${user.tenantId}-${target}`.toLowerCase()]: {
        ...filed,
        secret: accessToken,
        credential_type: "AccessToken",
        realm: user.tenantId,
        target,
        cached_at: String(now - 10),
        expires_on: String(now + expiresIn),
        extended_expires_on: String(now + expiresIn),
        ext_expires_on: String(now + expiresIn),
        ...hashes,
        obtained_for_assertion: "hash-of-the-assertion",
      },
    },
    RefreshToken: {
      [`${prefix}-refreshtoken-${clientId}--`]: {
        ...filed,
        secret: refreshToken,
        credential_type: "RefreshToken",
        last_modification_time: String(now - 10),
        ...hashes,
      },
    },
    IdToken: {
      [`${prefix}-idtoken-${clientId}-${user.tenantId}-`]: {
        ...filed,
        secret: idToken(user),
        credential_type: "IdToken",
        realm: user.tenantId,
      },
    },
    Account: {
      [`${prefix}-${user.tenantId}`]: {
        home_account_id: homeAccountId,
        environment: host,
        client_info: clientInfo(homeAccountId),
        realm: user.tenantId,
        local_account_id: user.objectId,
        authority_type: "MSSTS",
        username: "adele@lakeside.example",
        name: "Adele Vance",
      },
    },
    AppMetadata: { [`appmetadata-${host}-${clientId}`]: { client_id: clientId, environment: host } },
  };
}

/** @param {string} homeAccountId */
function clientInfo(homeAccountId) {
  const [uid, utid] = homeAccountId.split(".");
  return Buffer.from(JSON.stringify({ uid, utid })).toString("base64url");
}

/** @param {{ objectId: string, tenantId: string }} user */
function idToken({ objectId, tenantId }) {
  const claims = { oid: objectId, tid: tenantId, preferred_username: "adele@lakeside.example", name: "Adele Vance" };
  return ["{}", JSON.stringify(claims), "x"].map((part) => Buffer.from(part).toString("base64url")).join(".");
}

/** A token endpoint that takes a refresh token only once, as an authority in strict rotation does. */
export class Authority {
  /** Without, an old refresh token stays good, as Entra ID's does. */
  isStrict = true;
  /** Refresh tokens that were redeemed, in order. @type {string[]} */
  redeemed = [];
  /** Added to each answer. @type {object} */
  answer = {};
  /** @param {{ objectId: string, tenantId: string }} user @param {string} homeAccountId */
  constructor(user, homeAccountId) {
    this.user = user;
    this.homeAccountId = homeAccountId;
  }

  async sendGetRequestAsync(/** @type {string} */ url) {
    return assert.fail(`MSAL asked for ${url}; a known cloud needs no metadata`);
  }

  /** @param {string} _url @param {{ body?: string }} [options] */
  async sendPostRequestAsync(_url, options) {
    const form = new URLSearchParams(options?.body);
    const refreshToken = form.get("refresh_token") ?? assert.fail("expected a refresh token");
    const isStale = this.isStrict && this.redeemed.includes(refreshToken);
    this.redeemed.push(refreshToken);
    const number = this.redeemed.length;
    const body = isStale
      ? { error: "invalid_grant", error_description: "AADSTS70000: redeemed before", error_codes: [70000] }
      : {
          token_type: "Bearer",
          scope: (form.get("scope") ?? "").replace("offline_access", "").trim(),
          expires_in: 3600,
          ext_expires_in: 3600,
          access_token: `at-${number}`,
          refresh_token: `rt-${number}`,
          id_token: idToken(this.user),
          client_info: clientInfo(this.homeAccountId),
          ...this.answer,
        };
    return { status: isStale ? 400 : 200, headers: {}, body: /** @type {any} */ (body) };
  }

  /** @param {import("@azure/msal-node").ICachePlugin} cachePlugin */
  client(cachePlugin) {
    return new ConfidentialClientApplication({
      auth: {
        clientId,
        clientSecret: "secret",
        authority: `https://login.microsoftonline.com/${this.user.tenantId}`,
      },
      cache: { cachePlugin },
      system: { networkClient: this },
    });
  }
}

/** A generator of numbers below 1 that repeats itself for the same seed (mulberry32). @param {number} seed */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The only entity of a section. @param {Document} document @param {string} section */
export function only(document, section) {
  const entities = Object.values(document[section] ?? {});
  assert.equal(entities.length, 1, `${section} has ${entities.length} entities`);
  return /** @type {Entity} */ (entities[0]);
}
