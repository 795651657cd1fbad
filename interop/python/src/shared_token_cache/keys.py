"""Where branch keys come from: configuration, or the table, wrapped by KMS."""

import base64
import binascii
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from .aws import DynamoDb, Item, Kms, ask
from .errors import Unavailable
from .sealing import KEY_BYTES, BranchKey, Sealer

_BRANCH_KEYS = "KEY#token-blob"
_LOOK_AGAIN_SECONDS = 3600
_MOST_KEYS = 8


class LocalKey(Sealer):
    """One key from configuration (`SEALING_LOCAL_KEY`): 32 bytes in base64. For local runs."""

    def __init__(self, text: str) -> None:
        try:
            material = base64.b64decode(text.strip(), validate=True)
        except binascii.Error:
            raise ValueError("expected 32 bytes in base64, got text that is not base64") from None
        if len(material) != KEY_BYTES:
            raise ValueError(f"expected 32 bytes in base64, got {len(material)} bytes")
        self._key = BranchKey("local", material)

    def _newest(self) -> BranchKey:
        return self._key

    def _named(self, key_id: str) -> BranchKey | None:
        return self._key if key_id == self._key.id else None


@dataclass
class _Held:
    key: BranchKey
    wrapped: bytes = field(repr=False)
    looked_at: float


class KmsKeys(Sealer):
    """The branch keys of a table, unwrapped by KMS under `key_arn` (`SEALING_KEY_ARN`) and kept in memory.

    Makes no keys: it seals under the newest there is, and the API or the sweep rotates. The role needs `kms:Decrypt` on
    the key, `dynamodb:GetItem` and `dynamodb:Query` on the table. The table is looked at once an hour for each key; KMS is
    asked again only if the item has changed. `clock` gives epoch seconds.
    """

    def __init__(
        self, kms: Kms, dynamodb: DynamoDb, table: str, key_arn: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._kms, self._dynamodb, self._table, self._key_arn, self._clock = kms, dynamodb, table, key_arn, clock
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._newest_id: tuple[str, float] | None = None

    def __repr__(self) -> str:
        return f"KmsKeys(table={self._table!r}, key_arn={self._key_arn!r})"

    def _newest(self) -> BranchKey:
        with self._lock:
            held = None
            if self._newest_id is not None:
                key_id, looked_at = self._newest_id
                held = self._held.get(key_id)
                if held is not None and self._clock() - looked_at < _LOOK_AGAIN_SECONDS:
                    return held.key
            try:
                return self._look_up_newest()
            except Unavailable:
                # A table that cannot be asked says nothing against the key.
                if held is not None:
                    return held.key
                raise

    def _named(self, key_id: str) -> BranchKey | None:
        if not _is_date(key_id):
            return None
        with self._lock:
            held = self._held.get(key_id)
            if held is not None and self._clock() - held.looked_at < _LOOK_AGAIN_SECONDS:
                return held.key
            try:
                return self._look_up(key_id)
            except Unavailable:
                if held is not None:
                    return held.key
                raise

    def _look_up_newest(self) -> BranchKey:
        answer = ask(
            "the newest branch key",
            self._dynamodb.query,
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": _BRANCH_KEYS}},
            ScanIndexForward=False,
            Limit=1,
        )
        if not answer["Items"]:
            raise Unavailable("expected a branch key in the table, got none; the API makes one when it next seals")
        key = self._unwrap(answer["Items"][0])
        self._newest_id = (key.id, self._clock())
        return key

    def _look_up(self, key_id: str) -> BranchKey | None:
        answer = ask(
            "a branch key",
            self._dynamodb.get_item,
            TableName=self._table,
            ConsistentRead=True,
            Key={"pk": {"S": _BRANCH_KEYS}, "sk": {"S": key_id}},
        )
        if "Item" in answer:
            return self._unwrap(answer["Item"])
        self._held.pop(key_id, None)
        return None

    def _unwrap(self, item: Item) -> BranchKey:
        """Asks KMS, unless this very item has been unwrapped before."""
        try:
            key_id, wrapped = str(item["sk"]["S"]), bytes(item["wrapped"]["B"])
        except (KeyError, TypeError):
            raise Unavailable("the branch key item is corrupt; restore it, or delete it to give up what it seals") from None
        held = self._held.get(key_id)
        if held is None or held.wrapped != wrapped:
            answer = ask(
                "kms:Decrypt",
                self._kms.decrypt,
                KeyId=self._key_arn,
                CiphertextBlob=wrapped,
                EncryptionContext={"table": self._table, "purpose": "token-blob", "date": key_id},
            )
            material = bytes(answer["Plaintext"])
            if len(material) != KEY_BYTES:
                raise Unavailable(f"kms:Decrypt: expected a key of {KEY_BYTES} bytes, got {len(material)}")
            held = _Held(BranchKey(key_id, material), wrapped, 0)
        held.looked_at = self._clock()
        self._held[key_id] = held
        while len(self._held) > _MOST_KEYS:
            del self._held[min(other for other in self._held if other != key_id)]
        return held.key


def _is_date(text: str) -> bool:
    """What is no date names no key of the table, and costs no request."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
