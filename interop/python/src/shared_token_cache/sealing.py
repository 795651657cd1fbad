"""Sealing of cache blobs, version 1 (`docs/data-model.md`, "The sealed blob")."""

import os
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import TooLarge, Unreadable

VERSION = 1
KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
MAX_PLAINTEXT_BYTES = 1024 * 1024
_PURPOSE = b"shared-token-cache/token-blob/v1"


@dataclass(frozen=True)
class ItemAddress:
    """The place of an item. A blob opens at its own place only."""

    table: str
    pk: str
    sk: str
    client_id: str

    def to_bytes(self) -> bytes:
        """Each part preceded by its length in four bytes, big endian."""
        parts = (part.encode() for part in (self.table, self.pk, self.sk, self.client_id))
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass(frozen=True)
class BranchKey:
    """The key from which item keys are derived, and the name that blobs call it by."""

    id: str
    material: bytes = field(repr=False)

    def item_key(self, address: ItemAddress) -> bytes:
        """One key per item (HKDF-SHA-256, RFC 5869), so that no two items share a key and a nonce."""
        info = _PURPOSE + address.to_bytes()
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self.material)


class Sealer(ABC):
    """Seals under the newest key there is, opens under the one that a blob names. Safe to share between threads."""

    def seal(self, address: ItemAddress, plaintext: bytes) -> bytes:
        """Compresses and encrypts for this place.

        Raises `Unavailable` when there is no key now, `TooLarge` above 1 MiB."""
        if len(plaintext) > MAX_PLAINTEXT_BYTES:
            raise TooLarge(len(plaintext), MAX_PLAINTEXT_BYTES)
        key = self._newest()
        header, nonce = _header(key.id), os.urandom(_NONCE_BYTES)
        cipher = AESGCM(key.item_key(address))
        return header + nonce + cipher.encrypt(nonce, zlib.compress(plaintext), header + address.to_bytes())

    def open(self, address: ItemAddress, sealed: bytes) -> bytes:
        """Decrypts what was sealed for this place.

        Raises `Unreadable` when no waiting opens it, `Unavailable` when its key cannot be had now."""
        key_id, nonce, ciphertext = _parse(sealed)
        key = self._named(key_id)
        if key is None:
            raise Unreadable("unknown_key")
        cipher = AESGCM(key.item_key(address))
        try:
            compressed = cipher.decrypt(nonce, ciphertext, _header(key_id) + address.to_bytes())
        except InvalidTag:
            raise Unreadable("not_authentic") from None
        return _decompress(compressed)

    @abstractmethod
    def _newest(self) -> BranchKey:
        """The key to seal with."""

    @abstractmethod
    def _named(self, key_id: str) -> BranchKey | None:
        """The key of this name; None when there is none."""


def _decompress(compressed: bytes) -> bytes:
    """Never more than 1 MiB, whatever was sealed."""
    inflate = zlib.decompressobj()
    try:
        plaintext = inflate.decompress(compressed, MAX_PLAINTEXT_BYTES)
        # The checksum is looked at only at the end of the stream.
        rest = inflate.decompress(inflate.unconsumed_tail, 1)
    except zlib.error:
        raise Unreadable("malformed") from None
    if rest or not inflate.eof:
        raise Unreadable("malformed")
    return plaintext


def _header(key_id: str) -> bytes:
    name = key_id.encode()
    return bytes((VERSION, len(name))) + name


def _parse(sealed: bytes) -> tuple[str, bytes, bytes]:
    """Key id, nonce, ciphertext with its tag."""
    if not sealed:
        raise Unreadable("malformed")
    if sealed[0] != VERSION:
        raise Unreadable("unknown_version")
    if len(sealed) < 2:
        raise Unreadable("malformed")
    end_of_name = 2 + sealed[1]
    end_of_nonce = end_of_name + _NONCE_BYTES
    if len(sealed) < end_of_nonce + _TAG_BYTES:
        raise Unreadable("malformed")
    try:
        key_id = sealed[2:end_of_name].decode()
    except UnicodeDecodeError:
        raise Unreadable("malformed") from None
    return key_id, sealed[end_of_name:end_of_nonce], sealed[end_of_nonce:]
