"""The byte format, against the vectors that every implementation checks."""

import json
from pathlib import Path

import pytest

from shared_token_cache import ItemAddress, LocalKey, Sealer, TooLarge, Unreadable
from shared_token_cache.sealing import BranchKey

VECTORS = json.loads((Path(__file__).parents[3] / "shared/sealing/tests/vectors.json").read_text("utf-8"))


class OneKey(Sealer):
    """Knows the key of a vector."""

    def __init__(self, vector):
        self.key = BranchKey(vector["key_id"], bytes.fromhex(vector["branch_key"]))

    def _newest(self):
        return self.key

    def _named(self, key_id):
        return self.key if key_id == self.key.id else None


def name(vector):
    return vector["name"]


def test_there_are_vectors_of_both_kinds():
    assert len(VECTORS["sealed"]) >= 5
    assert {vector["reason"] for vector in VECTORS["unreadable"]} == {
        "malformed", "unknown_version", "unknown_key", "not_authentic",
    }  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS["sealed"], ids=name)
def test_a_sealed_blob_opens_by_the_same_steps(vector):
    address, sealer = ItemAddress(**vector["address"]), OneKey(vector)
    assert address.to_bytes().hex() == vector["address_bytes"]
    assert sealer.key.item_key(address).hex() == vector["item_key"]
    plaintext = bytes.fromhex(vector["plaintext"])
    assert sealer.open(address, bytes.fromhex(vector["sealed"])) == plaintext
    again = sealer.seal(address, plaintext)
    head = 2 + len(vector["key_id"].encode())
    assert again[:head].hex() == vector["associated_data"][: 2 * head]
    assert again[head : head + 12] != bytes.fromhex(vector["nonce"]), "a fresh nonce each time"
    assert sealer.open(address, again) == plaintext


@pytest.mark.parametrize("vector", VECTORS["sealed"], ids=name)
def test_nonce_and_compression_are_all_that_may_differ(vector, monkeypatch):
    monkeypatch.setattr("os.urandom", lambda length: bytes.fromhex(vector["nonce"])[:length])
    # Another build of zlib may compress to other bytes.
    monkeypatch.setattr("zlib.compress", lambda _plaintext: bytes.fromhex(vector["compressed"]))
    sealed = OneKey(vector).seal(ItemAddress(**vector["address"]), bytes.fromhex(vector["plaintext"]))
    assert sealed.hex() == vector["sealed"]


def test_no_more_is_sealed_than_can_be_opened():
    sealer, address = OneKey(VECTORS["sealed"][0]), ItemAddress("t", "p", "s", "c")
    most = bytes(1024 * 1024)
    assert sealer.open(address, sealer.seal(address, most)) == most
    with pytest.raises(TooLarge):
        sealer.seal(address, most + b"x")


@pytest.mark.parametrize("vector", VECTORS["unreadable"], ids=name)
def test_a_bad_blob_is_refused_for_its_reason(vector):
    with pytest.raises(Unreadable) as refused:
        OneKey(vector).open(ItemAddress(**vector["address"]), bytes.fromhex(vector["sealed"]))
    assert refused.value.reason == vector["reason"]


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "A" * 43, "A" * 44])
def test_a_local_key_is_32_bytes_in_base64(text):
    with pytest.raises(ValueError, match="expected 32 bytes in base64") as refused:
        LocalKey(text)
    assert not text or text not in str(refused.value)


def test_no_key_is_printed():
    vector = VECTORS["sealed"][0]
    key = OneKey(vector).key
    assert repr(key) == "BranchKey(id='local')"
    for secret in (vector["branch_key"], repr(key.material)):
        assert secret not in repr(key)
