/** The byte format, against the vectors that every language checks. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { BranchKey, addressBytes, associatedData, encrypt, open, parseBlob, seal } from "../src/blob.js";
import { LocalKey, UnreadableError } from "../src/index.js";

const vectors = JSON.parse(
  readFileSync(new URL("../../../shared/sealing/tests/vectors.json", import.meta.url), "utf8"),
);

/** @param {string} text */
const hex = (text) => Buffer.from(text, "hex");
/** @param {{ table: string, pk: string, sk: string, client_id: string }} address */
const addressOf = ({ table, pk, sk, client_id }) => ({ table, pk, sk, clientId: client_id });

/**
 * @param {{ key_id: string, branch_key: string }} vector
 * @param {import("../src/blob.js").ItemAddress} address
 * @param {Buffer} sealed
 */
function opened(vector, address, sealed) {
  const blob = parseBlob(sealed);
  if (blob.keyId !== vector.key_id) throw new UnreadableError("unknown_key");
  return open(new BranchKey(vector.key_id, hex(vector.branch_key)), address, blob);
}

test("there are vectors of both kinds", () => {
  assert.ok(vectors.sealed.length >= 5 && vectors.unreadable.length >= 15);
});

for (const vector of vectors.sealed) {
  test(`sealed: ${vector.name}`, async () => {
    const address = addressOf(vector.address);
    assert.equal(addressBytes(address).toString("hex"), vector.address_bytes);
    assert.equal(associatedData(vector.key_id, address).toString("hex"), vector.associated_data);
    const key = new BranchKey(vector.key_id, hex(vector.branch_key));
    assert.equal(key.itemKey(address).toString("hex"), vector.item_key);
    const sealed = encrypt(key, address, hex(vector.compressed), hex(vector.nonce));
    assert.equal(sealed.toString("hex"), vector.sealed);
    const again = seal(key, address, hex(vector.plaintext));
    assert.equal(opened(vector, address, again).toString("hex"), vector.plaintext);
    assert.equal(opened(vector, address, hex(vector.sealed)).toString("hex"), vector.plaintext);
    if (vector.key_id === "local") {
      const sealer = new LocalKey(hex(vector.branch_key).toString("base64"));
      assert.equal((await sealer.open(address, hex(vector.sealed))).toString("hex"), vector.plaintext);
    }
  });
}

for (const vector of vectors.unreadable) {
  test(`unreadable: ${vector.name}`, async () => {
    const address = addressOf(vector.address);
    const refused = { name: "UnreadableError", code: "unreadable", reason: vector.reason };
    assert.throws(() => opened(vector, address, hex(vector.sealed)), refused);
    if (vector.key_id === "local") {
      const sealer = new LocalKey(hex(vector.branch_key).toString("base64"));
      await assert.rejects(sealer.open(address, hex(vector.sealed)), refused);
    }
  });
}

test("two blobs of the same plaintext have different nonces", async () => {
  const sealer = new LocalKey(Buffer.alloc(32, 7).toString("base64"));
  const address = { table: "t", pk: "p", sk: "s", clientId: "c" };
  const [first, second] = await Promise.all([1, 2].map(() => sealer.seal(address, Buffer.from("same"))));
  assert.notDeepEqual(first, second);
});

test("a local key is 32 bytes in base64 and nothing else", () => {
  const texts = [
    "",
    "AAAA",
    Buffer.alloc(31).toString("base64"),
    `${Buffer.alloc(32).toString("base64")}!`,
    "x".repeat(43),
  ];
  for (const text of texts) {
    assert.throws(() => new LocalKey(text), { name: "RangeError", message: /expected 32 bytes in base64/ });
  }
});

test("no more is sealed than can be opened", () => {
  const key = new BranchKey("local", Buffer.alloc(32, 7));
  const address = { table: "t", pk: "p", sk: "s", clientId: "c" };
  const most = Buffer.alloc(1024 * 1024);
  assert.deepEqual(open(key, address, parseBlob(seal(key, address, most))), most);
  assert.throws(() => seal(key, address, Buffer.alloc(most.length + 1)), { name: "TooLargeError" });
});
