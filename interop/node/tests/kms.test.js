/** Branch keys of the table, wrapped by KMS: against servers that speak both protocols. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, beforeEach, test } from "node:test";
import { inspect } from "node:util";
import { DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateKeyCommand, GenerateDataKeyCommand } from "@aws-sdk/client-kms";
import { BranchKey, parseBlob, seal } from "../src/blob.js";
import { KMSClient, KmsKeys } from "../src/index.js";
import { Authority, Lab, aws, endpoint, graph, home, only } from "./lab.js";

/** @type {Lab} */
let lab;
/** @type {string} */
let keyArn;
/** Milliseconds since the epoch. */
let time = Date.now();
/** Calls of KMS and of the table by this test's sealer, by name. @type {string[]} */
let calls = [];
const kms = new KMSClient({ ...aws, endpoint: endpoint("AWS_ENDPOINT_URL_KMS"), maxAttempts: 1 });
kms.middlewareStack.add(
  (next, context) => (args) => {
    calls.push(String(context["commandName"]));
    return next(args);
  },
  { step: "initialize" },
);
const plaintext = Buffer.from("{}");

before(async () => {
  keyArn = await makeKey();
});
beforeEach(async () => {
  lab = await Lab.start();
  calls = [];
  time = Date.now();
});

async function makeKey() {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  return KeyMetadata?.Arn ?? assert.fail("no key");
}

function sealer(options = {}) {
  return new KmsKeys({ kms, keyArn, dynamodb: lab.client, table: lab.table, now: () => time, ...options });
}

/**
 * Makes a branch key as the API does, and gives it in the clear.
 *
 * @param {string} date
 * @param {object} [context] Instead of the right one.
 */
async function makeBranchKey(date, context = {}) {
  const EncryptionContext = { table: lab.table, purpose: "token-blob", date, ...context };
  const generate = new GenerateDataKeyCommand({ KeyId: keyArn, KeySpec: "AES_256", EncryptionContext });
  const { Plaintext, CiphertextBlob } = await kms.send(generate);
  await putBranchKey({ sk: { S: date }, wrapped: { B: CiphertextBlob ?? new Uint8Array() } });
  calls = [];
  return new BranchKey(date, Buffer.from(Plaintext ?? assert.fail("no key")));
}

/** @param {Record<string, import("@aws-sdk/client-dynamodb").AttributeValue>} attributes */
async function putBranchKey(attributes) {
  const Item = { pk: { S: "KEY#token-blob" }, kms_key: { S: "someone else's" }, created_at: { N: "1" }, ...attributes };
  await lab.client.send(new PutItemCommand({ TableName: lab.table, Item }));
}

/** @param {string} date */
async function deleteBranchKey(date) {
  const Key = { pk: { S: "KEY#token-blob" }, sk: { S: date } };
  await lab.client.send(new DeleteItemCommand({ TableName: lab.table, Key }));
}

test("a worker goes on from what was sealed under a branch key, and seals under the newest", async () => {
  const old = await makeBranchKey("2026-10-01");
  await makeBranchKey("2026-11-01");
  lab.user = { objectId: randomUUID(), tenantId: home };
  const blob = seal(old, lab.address, Buffer.from(JSON.stringify(lab.cache())));
  await lab.put({});
  await lab.putItem({ ...(await lab.item()), blob: { B: blob } });
  const cache = await lab.store({ sealer: sealer() }).open(lab.account);
  const client = new Authority(lab.user, lab.account).client(cache);
  await client.acquireTokenSilent({ account: cache.account, scopes: [`${graph}/User.Read`], forceRefresh: true });
  assert.deepEqual(calls, ["DecryptCommand", "DecryptCommand"]);

  const stored = (await lab.item())?.["blob"]?.B ?? new Uint8Array();
  assert.equal(parseBlob(stored).keyId, "2026-11-01");
  const reopened = JSON.parse((await sealer().open(lab.address, stored)).toString());
  assert.equal(only(reopened, "RefreshToken")["secret"], "rt-1");
});

test("a key is unwrapped once, and looked at again after an hour", async () => {
  const key = await makeBranchKey("2026-11-01");
  const keys = sealer();
  const sealed = seal(key, lab.address, plaintext);
  await Promise.all(Array.from({ length: 5 }, () => keys.open(lab.address, sealed)));
  await keys.seal(lab.address, plaintext);
  assert.deepEqual(calls, ["DecryptCommand"]);

  time += 3_599_999;
  await makeBranchKey("2026-11-02");
  assert.equal(parseBlob(await keys.seal(lab.address, plaintext)).keyId, "2026-11-01");
  time += 1;
  assert.equal(parseBlob(await keys.seal(lab.address, plaintext)).keyId, "2026-11-02");
  await keys.open(lab.address, sealed);
  assert.deepEqual(calls, ["DecryptCommand"], "the old item has not changed");
});

test("a key that was given up is unknown within the hour", async () => {
  const key = await makeBranchKey("2026-11-01");
  const keys = sealer();
  const sealed = seal(key, lab.address, plaintext);
  await keys.open(lab.address, sealed);
  await deleteBranchKey("2026-11-01");
  await keys.open(lab.address, sealed);
  time += 3_600_000;
  await assert.rejects(keys.open(lab.address, sealed), { name: "UnreadableError", reason: "unknown_key" });
  await makeBranchKey("2026-11-01");
  await assert.rejects(keys.open(lab.address, sealed), { name: "UnreadableError", reason: "not_authentic" });
});

test("what names no date is unknown without a look at the table", async () => {
  const keys = sealer({ table: "no-such-table" });
  for (const id of ["local", "2026-11-31", "2026-1-1", "+2026-11-01", ""]) {
    const sealed = seal(new BranchKey(id, new Uint8Array(32)), lab.address, plaintext);
    await assert.rejects(keys.open(lab.address, sealed), { name: "UnreadableError", reason: "unknown_key" });
  }
});

test("a table without a branch key is nothing to seal under, and none is made", async () => {
  await assert.rejects(sealer().seal(lab.address, plaintext), { name: "UnavailableError", transient: false });
  assert.deepEqual(calls, []);
});

test("a key that KMS does not give is unavailable, not unreadable", async () => {
  const key = await makeBranchKey("2026-11-01");
  const sealed = seal(key, lab.address, plaintext);
  const unreachable = new KMSClient({ ...aws, endpoint: "http://127.0.0.1:1", maxAttempts: 1 });
  const unavailable = { name: "UnavailableError", operation: "kms:Decrypt" };
  await assert.rejects(sealer({ kms: unreachable }).open(lab.address, sealed), { ...unavailable, transient: true });

  const gone = sealer({ keyArn: keyArn.replace(/[^/]+$/, randomUUID()) });
  const expected = { ...unavailable, transient: false, message: /NotFoundException/ };
  await assert.rejects(gone.open(lab.address, sealed), expected);
  const another = sealer({ keyArn: await makeKey() });
  await assert.rejects(another.open(lab.address, sealed), { ...unavailable, transient: false });
});

test("who holds a key goes on while the table cannot be reached", async () => {
  const sealed = seal(await makeBranchKey("2026-11-01"), lab.address, plaintext);
  const keys = sealer();
  await keys.open(lab.address, sealed);
  await keys.seal(lab.address, plaintext);
  let isDown = false;
  lab.client.middlewareStack.add(
    (next) => async (args) => {
      if (isDown) throw Object.assign(new Error("down"), { name: "ServiceUnavailable" });
      return next(args);
    },
    { step: "initialize" },
  );
  isDown = true;
  time += 3_600_000;
  await keys.open(lab.address, sealed);
  await keys.seal(lab.address, plaintext);
  await assert.rejects(sealer().open(lab.address, sealed), { name: "UnavailableError", transient: true });
});

test("a wrapped key opens for its table and date only", async () => {
  for (const context of [{ table: "another" }, { purpose: "another" }, { date: "2026-11-02" }]) {
    const sealed = seal(await makeBranchKey("2026-11-01", context), lab.address, plaintext);
    await assert.rejects(sealer().open(lab.address, sealed), { name: "UnavailableError", transient: false });
  }
});

test("a corrupt key item does not give up what it seals", async () => {
  const sealed = seal(await makeBranchKey("2026-11-01"), lab.address, plaintext);
  for (const wrapped of [{ S: "text" }, { B: new Uint8Array([1, 2]) }]) {
    await putBranchKey({ sk: { S: "2026-11-01" }, wrapped });
    await assert.rejects(sealer().open(lab.address, sealed), { name: "UnavailableError", transient: false });
  }
});

test("at most eight keys are kept, the oldest goes first", async () => {
  const dates = Array.from({ length: 9 }, (_, index) => `2026-10-0${index + 1}`);
  const blobs = [];
  for (const date of dates) blobs.push(seal(await makeBranchKey(date), lab.address, plaintext));
  const keys = sealer();
  for (const blob of blobs) await keys.open(lab.address, blob);
  assert.equal(calls.length, 9);
  for (const blob of blobs.slice(1)) await keys.open(lab.address, blob);
  assert.equal(calls.length, 9);
  await keys.open(lab.address, /** @type {Buffer} */ (blobs[0]));
  assert.equal(calls.length, 10);
});

test("keys are not shown", async () => {
  const bytes = Buffer.alloc(32, 0xab);
  const key = new BranchKey("2026-11-01", bytes);
  assert.deepEqual(bytes, Buffer.alloc(32), "the caller's copy is erased");
  const keys = sealer();
  await makeBranchKey("2026-11-01");
  await keys.seal(lab.address, plaintext);
  for (const one of [key, keys]) {
    assert.doesNotMatch(
      inspect(one, { depth: 9, showHidden: true }) + JSON.stringify(one),
      /ab ab|abab|#held|KeyObject/,
    );
  }
});
