/** Which items count, and who wins when several write: against a DynamoDB-compatible server. */

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { before, beforeEach, test } from "node:test";
import { inspect } from "node:util";
import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import { ErasedError, LocalKey, MissingError, TooLargeError, UnavailableError, UnreadableError } from "../src/index.js";
import { Authority, Lab, clientId, dynamodb, graph, home, now, only } from "./lab.js";

/** @type {Lab} */
let lab;
/** @type {Authority} */
let authority;
const scopes = [`${graph}/User.Read`];

before(async () => {
  lab = await Lab.start();
});
beforeEach(() => {
  lab.user = { objectId: randomUUID(), tenantId: home };
  lab.pauses = [];
  authority = new Authority(lab.user, lab.account);
});

/** @param {Parameters<Lab["store"]>[0]} [options] */
async function renew(options) {
  const cache = await lab.store(options).open(lab.account);
  return authority.client(cache).acquireTokenSilent({ account: cache.account, scopes, forceRefresh: true });
}

/** Runs `intrude` before the first `times` writes. @param {number} times @param {(time: number) => Promise<void>} intrude */
function intruded(times, intrude) {
  let time = 0;
  return {
    open: lab.sealer.open.bind(lab.sealer),
    /** @type {import("./lab.js").Sealer["seal"]} */
    seal: async (address, plaintext) => {
      time += 1;
      if (time <= times) await intrude(time);
      return lab.sealer.seal(address, plaintext);
    },
  };
}

async function deleteTokens() {
  const { pk, sk } = lab.address;
  await lab.client.send(new DeleteItemCommand({ TableName: lab.table, Key: { pk: { S: pk }, sk: { S: sk } } }));
}

test("no item is missing", async () => {
  await assert.rejects(lab.store().open(lab.account), MissingError);
});

test("an item at or past its time is missing", async () => {
  for (const ttl of [now - 1, now]) {
    await lab.put(lab.cache(), { ttl });
    await assert.rejects(lab.store({ now: () => now * 1000 }).open(lab.account), MissingError);
  }
  await lab.put(lab.cache(), { ttl: now + 1 });
  await lab.store({ now: () => now * 1000 }).open(lab.account);
});

test("an item that began at or before an erasure is missing; a later one counts", async () => {
  for (const [begunAt, isMissing] of /** @type {[number, boolean][]} */ ([
    [999, true],
    [1000, true],
    [1001, false],
  ])) {
    await lab.put(lab.cache(), { begunAt });
    await lab.putTombstone(1000);
    const opening = lab.store().open(lab.account);
    await (isMissing ? assert.rejects(opening, MissingError) : opening);
  }
  await lab.put(lab.cache(), { begunAt: 999 });
  await lab.putTombstone(1000, now - 1);
  await lab.store().open(lab.account);
});

test("an item of another program, without a beginning, is outlawed by any erasure, and else goes on", async () => {
  await lab.put(lab.cache());
  const { begun_at, ...item } = (await lab.item()) ?? {};
  assert.ok(begun_at);
  await lab.putItem(item);
  await renew();
  assert.equal((await lab.item())?.["version"]?.N, "2");
  assert.equal((await lab.item())?.["begun_at"], undefined);
  await lab.putTombstone(1);
  await assert.rejects(lab.store().open(lab.account), MissingError);
});

test("accounts are found without regard to case, and nothing but an account is looked for", async () => {
  await lab.put(lab.cache());
  await lab.store({ clientId: clientId.toUpperCase() }).open(lab.account.toUpperCase());
  for (const text of ["", "x", randomUUID(), `${lab.account}.x`, `${lab.account}\n`, `ACCOUNT#${lab.account}`]) {
    await assert.rejects(lab.store().open(text), { name: "RangeError" });
  }
  assert.throws(() => lab.store({ clientId: "api://x" }), { name: "RangeError" });
});

test("unreadable tokens are told by their reason", async () => {
  const good = (await lab.put(lab.cache()), await lab.item()) ?? {};
  const blob = good["blob"]?.B ?? new Uint8Array();
  const tampered = Uint8Array.from(blob, (byte, index) => (index === blob.length - 1 ? byte ^ 1 : byte));
  const foreign = await new LocalKey(randomBytes(32).toString("base64")).seal(lab.address, Buffer.from("{}"));
  const elsewhere = await lab.sealer.seal({ ...lab.address, table: "another" }, Buffer.from("{}"));
  const dated = Buffer.concat([Buffer.from([1, 10]), Buffer.from("2026-11-22"), blob.subarray(7)]);
  const noCache = await lab.sealer.seal(lab.address, Buffer.from("[]"));
  const cases = {
    malformed: [new Uint8Array([1]), blob.subarray(0, 20)],
    unknown_version: [Uint8Array.from(blob, (byte, index) => (index === 0 ? 2 : byte))],
    unknown_key: [dated],
    not_authentic: [tampered, foreign, elsewhere],
    not_a_cache: [noCache],
  };
  for (const [reason, blobs] of Object.entries(cases)) {
    for (const B of blobs) {
      await lab.putItem({ ...good, blob: { B } });
      await assert.rejects(lab.store().open(lab.account), { name: "UnreadableError", code: "unreadable", reason });
    }
  }
  const corrupt = [
    { blob: { S: "text" } },
    { version: { S: "1" } },
    { version: { N: "1.5" } },
    { ttl: { S: "never" } },
    { begun_at: { S: "once" } },
  ];
  for (const attributes of corrupt) {
    await lab.putItem({ ...good, .../** @type {any} */ (attributes) });
    await assert.rejects(lab.store().open(lab.account), { name: "UnreadableError", reason: "corrupt_item" });
  }
});

test("tokens that become unreadable surface from MSAL as they are", async () => {
  await lab.put(lab.cache());
  const cache = await lab.store().open(lab.account);
  const client = authority.client(cache);
  const request = { account: cache.account, scopes };
  await client.acquireTokenSilent(request);
  await lab.putItem({ ...(await lab.item()), blob: { B: new Uint8Array([9, 9]) } });
  await assert.rejects(client.acquireTokenSilent(request), UnreadableError);
  await deleteTokens();
  await assert.rejects(client.acquireTokenSilent(request), MissingError);
  assert.equal(await lab.item(), undefined);
});

test("of two writers neither loses what the other obtained", async () => {
  await lab.put(lab.cache(), { version: 5 });
  const mail = lab.cache({ scopes: [`${graph}/Mail.Read`], accessToken: "at-of-another", refreshToken: "rt-older" });
  const theirs = { ...lab.cache(), AccessToken: mail["AccessToken"], RefreshToken: mail["RefreshToken"], Theirs: 1 };
  // As the API writes: the beginning moves on with its version.
  const sealer = intruded(1, () => lab.put(theirs, { version: 6, begunAt: now * 1000 + 5 }));
  const result = await renew({ sealer });
  assert.equal(result.accessToken, "at-1");
  assert.deepEqual(lab.pauses, [100]);
  const item = await lab.item();
  assert.deepEqual([item?.["version"]?.N, item?.["begun_at"]?.N], ["7", String(now * 1000 + 5)]);
  const document = await lab.document();
  const secrets = Object.values(document["AccessToken"] ?? {}).map((entity) => entity["secret"]);
  assert.deepEqual(secrets.sort(), ["at-1", "at-of-another"]);
  assert.equal(only(document, "RefreshToken")["secret"], "rt-1");
  assert.equal(document["Theirs"], 1);
});

test("a refresh token that another writer obtained later wins", async () => {
  await lab.put(lab.cache(), { version: 5 });
  const theirs = lab.cache({ refreshToken: "rt-later" });
  only(theirs, "RefreshToken")["last_modification_time"] = String(now + 500);
  await renew({ sealer: intruded(1, () => lab.put(theirs, { version: 6 })) });
  assert.equal(only(await lab.document(), "RefreshToken")["secret"], "rt-later");
});

test("a refresh token wins over the one it came from, even if that was written by a clock ahead", async () => {
  const ahead = lab.cache();
  only(ahead, "RefreshToken")["last_modification_time"] = String(now + 500);
  await lab.put(ahead, { version: 5 });
  await renew({ sealer: intruded(1, () => lab.put(ahead, { version: 6 })) });
  assert.equal(only(await lab.document(), "RefreshToken")["secret"], "rt-1");
});

test("what became unreadable meanwhile is replaced", async () => {
  await lab.put(lab.cache(), { version: 5 });
  const spoil = async () =>
    lab.putItem({ ...(await lab.item()), version: { N: "6" }, blob: { B: new Uint8Array([7]) } });
  await renew({ sealer: intruded(1, spoil) });
  assert.equal(only(await lab.document(), "RefreshToken")["secret"], "rt-1");
  assert.equal((await lab.item())?.["version"]?.N, "7");
});

test("a cached token costs one read, a renewal a write besides", async () => {
  /** @type {string[]} */
  const commands = [];
  const client = dynamodb();
  client.middlewareStack.add(
    (next, context) => (args) => {
      commands.push(String(context["commandName"]));
      return next(args);
    },
    { step: "initialize" },
  );
  await lab.put(lab.cache());
  const cache = await lab.store({ dynamodb: client }).open(lab.account);
  await authority.client(cache).acquireTokenSilent({ account: cache.account, scopes });
  assert.deepEqual(commands, ["QueryCommand"]);
  await renew({ dynamodb: client });
  assert.deepEqual(commands, ["QueryCommand", "QueryCommand", "UpdateItemCommand"]);
});

test("conflicts are tried six times, with growing pauses", async () => {
  await lab.put(lab.cache(), { version: 10 });
  await renew({ sealer: intruded(5, (time) => lab.put(lab.cache(), { version: 10 + time })) });
  assert.equal((await lab.item())?.["version"]?.N, "16");
  assert.deepEqual(lab.pauses, [100, 200, 400, 800, 1600]);

  const always = renew({ sealer: intruded(6, (time) => lab.put(lab.cache(), { version: 100 + time })) });
  await assert.rejects(always, { name: "UnavailableError", transient: true, message: /others wrote first 6 times/ });
});

/** A client for moto, which checks a condition and writes in two steps, so that requests must not overlap. */
function oneAtATime() {
  const client = dynamodb();
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  client.middlewareStack.add(
    (next) => (args) => {
      const request = last.then(() => next(args));
      last = request.catch(() => undefined);
      return request;
    },
    { step: "initialize" },
  );
  return client;
}

test("six workers that renew at once all succeed, and one of the newest refresh tokens stays", async () => {
  authority.isStrict = false;
  await lab.put(lab.cache());
  const client = oneAtATime();
  const results = await Promise.all(Array.from({ length: 6 }, () => renew({ dynamodb: client })));
  assert.equal(new Set(results.map((result) => result.accessToken)).size, 6);
  assert.deepEqual(authority.redeemed, Array(6).fill("rt-0"));
  assert.equal((await lab.item())?.["version"]?.N, "7");
  assert.match(String(only(await lab.document(), "RefreshToken")["secret"]), /^rt-[1-6]$/);
});

test("pauses are spread by chance", async () => {
  for (const [fraction, pause] of [
    [0, 50],
    [0.999, 149.9],
  ]) {
    lab.pauses = [];
    authority = new Authority(lab.user, lab.account);
    await lab.put(lab.cache(), { version: 10 });
    const sealer = intruded(1, (time) => lab.put(lab.cache(), { version: 10 + time }));
    await renew({ sealer, random: () => /** @type {number} */ (fraction) });
    assert.deepEqual(lab.pauses, [pause]);
  }
});

test("an item that was erased meanwhile is not brought back", async () => {
  await lab.put(lab.cache());
  const erase = async () => {
    await lab.putTombstone(now * 1000 + 1);
    await deleteTokens();
  };
  await assert.rejects(renew({ sealer: intruded(1, erase) }), ErasedError);
  assert.equal(await lab.item(), undefined);
});

test("an item that reached its time meanwhile is not brought back", async () => {
  await lab.put(lab.cache());
  await assert.rejects(renew({ sealer: intruded(1, deleteTokens) }), ErasedError);
  assert.equal(await lab.item(), undefined);
});

test("nothing of an erased item gets into that of the next sign-in", async () => {
  await lab.put(lab.cache(), { version: 1 });
  const next = lab.cache({ accessToken: "at-next", refreshToken: "rt-next" });
  const eraseAndSignIn = async () => {
    await lab.putTombstone(now * 1000 + 1);
    // The version of the item that was read, and a beginning of its own.
    await lab.put(next, { version: 1, begunAt: now * 1000 + 2 });
  };
  await assert.rejects(renew({ sealer: intruded(1, eraseAndSignIn) }), ErasedError);
  assert.deepEqual(await lab.document(), next);
});

test("a cache over 64 KiB is refused, and the item stays as it was", async () => {
  // What compresses to less would be kept.
  await lab.put({ ...lab.cache(), Novel: randomBytes(70_000).toString("base64") });
  const stored = await lab.item();
  await assert.rejects(renew(), (error) => {
    assert.ok(error instanceof TooLargeError);
    assert.ok(error.bytes > error.limit && error.limit === 65_536);
    return true;
  });
  assert.deepEqual(await lab.item(), stored);
});

test("a table that cannot be reached is unavailable, for now", async () => {
  await lab.put(lab.cache());
  const unreachable = dynamodb({ endpoint: "http://127.0.0.1:1", maxAttempts: 1 });
  const refused = { name: "UnavailableError", code: "unavailable", transient: true };
  await assert.rejects(lab.store({ dynamodb: unreachable }).open(lab.account), refused);
});

test("a table that is not there is for an operator", async () => {
  const opening = lab.store({ table: "no-such-table" }).open(lab.account);
  await assert.rejects(opening, { name: "UnavailableError", transient: false, message: /ResourceNotFoundException/ });
});

test("credentials that are not there are for an operator", async () => {
  const credentials = async () => {
    throw Object.assign(new Error("none"), { name: "CredentialsProviderError" });
  };
  const opening = lab.store({ dynamodb: dynamodb({ credentials, maxAttempts: 1 }) }).open(lab.account);
  await assert.rejects(opening, { name: "UnavailableError", transient: false });
});

/** A client whose first `times` updates end like this. @param {number} times @param {Error} error */
function failing(times, error) {
  const client = dynamodb({ maxAttempts: 1 });
  let count = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      if (context["commandName"] === "UpdateItemCommand" && ++count <= times) throw error;
      return next(args);
    },
    { step: "initialize" },
  );
  return client;
}
const throttled = Object.assign(new Error("slow down"), {
  name: "ProvisionedThroughputExceededException",
  $metadata: { httpStatusCode: 400 },
});

test("what Entra issued is not lost to a table that is busy for a moment", async () => {
  await lab.put(lab.cache());
  await renew({ dynamodb: failing(5, throttled) });
  assert.equal(only(await lab.document(), "RefreshToken")["secret"], "rt-1");
  assert.deepEqual(lab.pauses, [100, 200, 400, 800, 1600]);
  lab.pauses = [];
  await assert.rejects(renew({ dynamodb: failing(6, throttled) }), { name: "UnavailableError", transient: true });
});

test("a write that is not allowed is not repeated", async () => {
  await lab.put(lab.cache());
  const denied = Object.assign(new Error("no"), { name: "AccessDeniedException", $metadata: { httpStatusCode: 400 } });
  await assert.rejects(renew({ dynamodb: failing(1, denied) }), (error) => {
    assert.ok(error instanceof UnavailableError);
    assert.deepEqual([error.transient, error.cause], [false, denied]);
    return true;
  });
  assert.deepEqual(lab.pauses, []);
});

test("neither stores nor caches nor keys nor errors show a secret", async () => {
  const text = randomBytes(32).toString("base64");
  lab.sealer = new LocalKey(text);
  await lab.put(lab.cache({ accessToken: "a-secret-token", refreshToken: "a-secret-token" }));
  const store = lab.store();
  const cache = await store.open(lab.account);
  const shown = [store, cache, lab.sealer].flatMap((one) => [
    inspect(one, { depth: 9, showHidden: true }),
    JSON.stringify(one),
    String(one),
  ]);
  for (const one of shown) {
    assert.doesNotMatch(one, /a-secret-token/);
    assert.ok(!one.includes(text) && !one.includes(Buffer.from(text, "base64").toString("hex")));
  }
});
