/** Whatever is in the table, the worker gets a token or an error of a known kind; the same seed makes the same blobs. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, test } from "node:test";
import { AuthError } from "@azure/msal-node";
import { TokenCacheError, UnreadableError } from "../src/index.js";
import { UnifiedCache } from "../src/unified-cache.js";
import { Authority, Lab, graph, home, seeded } from "./lab.js";

const seed = 20261123;
/** @type {Lab} */
let lab;

before(async () => {
  lab = await Lab.start();
  lab.user = { objectId: randomUUID(), tenantId: home };
});

/** @param {Uint8Array} bytes @param {() => number} random */
function mutated(bytes, random) {
  const number = (/** @type {number} */ below) => Math.floor(random() * below);
  let result = Buffer.from(bytes);
  for (let times = 1 + number(4); times > 0; times -= 1) {
    const at = number(result.length + 1);
    const kind = number(4);
    if (kind === 0 && at < result.length) result[at] = (result[at] ?? 0) ^ (1 << number(8));
    if (kind === 1) result = result.subarray(0, at);
    if (kind === 2) result = Buffer.concat([result.subarray(0, at), Buffer.from([number(256)]), result.subarray(at)]);
    if (kind === 3)
      result = Buffer.concat([result.subarray(0, at), result.subarray(Math.min(result.length, at + number(9)))]);
  }
  return result;
}

test(`a changed blob is unreadable, never opened (seed ${seed})`, async () => {
  const random = seeded(seed);
  const sealed = await lab.sealer.seal(lab.address, Buffer.from(JSON.stringify(lab.cache())));
  const reasons = new Set();
  for (let round = 0; round < 2000; round += 1) {
    const changed = mutated(sealed, random);
    if (changed.equals(sealed)) continue;
    await assert.rejects(lab.sealer.open(lab.address, changed), (error) => {
      assert.ok(error instanceof UnreadableError, `round ${round}: ${error}`);
      reasons.add(error.reason);
      return true;
    });
  }
  assert.deepEqual([...reasons].sort(), ["malformed", "not_authentic", "unknown_key", "unknown_version"]);
});

test(`a changed cache is read or unreadable, and what was read can be written (seed ${seed})`, () => {
  const random = seeded(seed);
  const plaintext = Buffer.from(JSON.stringify({ ...lab.cache(), Novel: [1.5, null, "é"] }));
  const outcomes = { read: 0, unreadable: 0 };
  for (let round = 0; round < 5000; round += 1) {
    try {
      const cache = UnifiedCache.parse(mutated(plaintext, random));
      const bytes = cache.merge(new UnifiedCache()).toBytes();
      assert.deepEqual(UnifiedCache.parse(bytes).toBytes(), bytes, `round ${round}`);
      outcomes.read += 1;
    } catch (error) {
      assert.ok(error instanceof UnreadableError, `round ${round}: ${error}`);
      outcomes.unreadable += 1;
    }
  }
  assert.ok(outcomes.read > 100 && outcomes.unreadable > 100, JSON.stringify(outcomes));
});

/** Values that fields take on, one of which is no text. */
const ODD = [
  "",
  "x",
  "0",
  "-1",
  "99999999999999999999",
  5,
  -1,
  1e300,
  null,
  true,
  [],
  {},
  ["a"],
  { a: 1 },
  "__proto__",
];

test(`MSAL on a cache with odd fields gives a token or an error of a known kind (seed ${seed})`, async () => {
  const random = seeded(seed);
  const number = (/** @type {number} */ below) => Math.floor(random() * below);
  const outcomes = { cached: 0, renewed: 0, known: 0 };
  for (let round = 0; round < 200; round += 1) {
    const document = lab.cache({ expiresIn: random() < 0.5 ? 3600 : -10 });
    for (let times = 1 + number(3); times > 0; times -= 1) {
      const entities = Object.values(document).flatMap((section) => Object.values(section));
      const entity = entities[number(entities.length)] ?? {};
      const fields = Object.keys(entity);
      entity[fields[number(fields.length)] ?? "x"] = ODD[number(ODD.length)];
    }
    await lab.put(document);
    const authority = new Authority(lab.user, lab.account);
    try {
      const cache = await lab.store().open(lab.account);
      const client = authority.client(cache);
      const result = await client.acquireTokenSilent({ account: cache.account, scopes: [`${graph}/User.Read`] });
      assert.equal(typeof result.accessToken, "string");
      outcomes[result.fromCache ? "cached" : "renewed"] += 1;
      if (!result.fromCache) UnifiedCache.parse(Buffer.from(JSON.stringify(await lab.document())));
    } catch (error) {
      assert.ok(error instanceof TokenCacheError || error instanceof AuthError, `round ${round}: ${error}`);
      outcomes.known += 1;
    }
  }
  assert.ok(outcomes.cached > 30 && outcomes.renewed > 30 && outcomes.known > 5, JSON.stringify(outcomes));
});
