"""The token items of one application in one table."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from . import document as cache_document
from .aws import DynamoDb, Item, ask, code_of, unavailable
from .document import Document
from .errors import Erased, Missing, TooLarge, Unavailable, Unreadable
from .msal_cache import SharedTokenCache
from .sealing import ItemAddress, Sealer

MOST_BYTES = 64 * 1024
WRITE_ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.2
_TOMBSTONE = "TOMBSTONE"


@dataclass
class _Stored:
    """A token item, and what a write must find unchanged."""

    blob: bytes = field(repr=False)
    version: int
    begun_at: int | None
    expires_at: int


class TokenStore:
    """Opens accounts for MSAL Python and writes back what MSAL changed.

    `dynamodb` is `boto3.client("dynamodb")`; the role needs `dynamodb:Query` and `dynamodb:UpdateItem` on the table.
    `environment` is the host of MSAL's authority (`login.microsoftonline.com`): items name the cloud as MSAL.NET does
    (`login.windows.net`), and with it MSAL Python finds its entries without asking the authority for the host's aliases.
    `ttl_seconds` is `TOKEN_CACHE_TTL_SECONDS` of the deployment. Clock (epoch seconds), `wait` and `chance` (0 to 1) can be
    passed in. Safe to share between threads; each opened cache belongs to one.
    """

    def __init__(
        self,
        table: str,
        client_id: str,
        sealer: Sealer,
        *,
        dynamodb: DynamoDb,
        environment: str | None = None,
        ttl_seconds: int = 1_209_600,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._table, self._client_id, self._sealer, self._dynamodb = table, client_id.lower(), sealer, dynamodb
        self._environment, self._ttl_seconds = environment, ttl_seconds
        self._clock, self._wait, self._chance = clock, wait, chance

    @contextmanager
    def open(self, account: str) -> Iterator[SharedTokenCache]:
        """One account's cache for the length of a `with` block; at its end it is written back if MSAL changed it.

        `account` is the item's key, `<object id>.<tenant id>` of the tenant where the user works: for a guest it differs
        from MSAL's home account id. Keep blocks short: get the token, leave the block, then work with it. What MSAL
        obtained is written even when the block raises. Raises `Missing`, `Unreadable` and `Unavailable` at the start;
        `Erased`, `TooLarge` and `Unavailable` at the end, when nothing was written.
        """
        address = self._address(account)
        stored = self._read(address, begun_at=None)
        if stored is None:
            raise Missing(f"no tokens are cached for {account}; the user must sign in at the API")
        before = cache_document.parse(self._sealer.open(address, stored.blob))
        cache = SharedTokenCache(before, self._environment)
        before = cache.document()
        try:
            yield cache
        finally:
            if cache.has_state_changed:
                after = cache.document()
                if self._differs(before, after):
                    self._write(address, stored, after)
                    cache.written = True
                cache.has_state_changed = False

    def _address(self, account: str) -> ItemAddress:
        return ItemAddress(self._table, f"ACCOUNT#{account.lower()}", f"TOKENS#{self._client_id}", self._client_id)

    def _differs(self, before: Document, after: Document) -> bool:
        """MSAL Python drops expired access tokens as it meets them, which alone is not worth a write."""
        now = self._clock()
        return cache_document.without_expired(before, now) != cache_document.without_expired(after, now)

    def _read(self, address: ItemAddress, begun_at: int | None) -> _Stored | None:
        """The item if it counts: there, not past its time, not outlawed by an erasure.

        With `begun_at` (epoch milliseconds) raises `Erased` when the user ended background access since then."""
        items = self._token_item_and_tombstone(address)
        erased_at = _erased_at(items.get(_TOMBSTONE), self._clock())
        if erased_at is not None and begun_at is not None and begun_at <= erased_at:
            raise Erased("the user ended background access; nothing was written")
        item = items.get(address.sk)
        if item is None:
            return None
        stored = _decoded(item)
        if stored.expires_at <= self._clock():
            return None
        if erased_at is not None and (stored.begun_at is None or stored.begun_at <= erased_at):
            return None
        return stored

    def _token_item_and_tombstone(self, address: ItemAddress) -> dict[str, Item]:
        """Both in one consistent read: between their sort keys lie only tokens of other applications."""
        items: dict[str, Item] = {}
        page: dict[str, Any] = {}
        while True:
            answer = ask(
                "reading the tokens",
                self._dynamodb.query,
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :tokens AND :tombstone",
                ExpressionAttributeValues={
                    ":pk": {"S": address.pk},
                    ":tokens": {"S": address.sk},
                    ":tombstone": {"S": _TOMBSTONE},
                },
                **page,
            )
            items.update({item["sk"]["S"]: item for item in answer["Items"]})
            if "LastEvaluatedKey" not in answer:
                return items
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _write(self, address: ItemAddress, stored: _Stored, ours: Document) -> None:
        """Replaces what was read. If somebody else was first, merges with theirs and tries again."""
        begun_at, failure = stored.begun_at, None
        for attempt in range(WRITE_ATTEMPTS):
            if attempt > 0:
                self._wait(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * (0.5 + self._chance()))
            try:
                if self._replace(address, stored, ours):
                    return
                present = self._read(address, begun_at if begun_at is not None else 0)
                if present is None:
                    raise Erased("the cached tokens are gone; nothing was written")
                ours = self._merged(address, present, ours)
                stored = present
            except Unavailable as error:
                if not error.transient:
                    raise
                failure = error  # What the authority issued must not be lost to a table that is busy for a moment.
        if failure is not None:
            raise failure
        raise Unavailable(f"writing the tokens: somebody else was first {WRITE_ATTEMPTS} times", transient=True)

    def _merged(self, address: ItemAddress, present: _Stored, ours: Document) -> Document:
        try:
            theirs = cache_document.in_order(cache_document.parse(self._sealer.open(address, present.blob)))
        except Unreadable:
            return ours
        return cache_document.merge(theirs, ours)

    def _replace(self, address: ItemAddress, stored: _Stored, document: Document) -> bool:
        """One conditional write; False when the item is not the one that was read."""
        document = cache_document.bounded(cache_document.without_expired(document, self._clock()))
        sealed = self._sealer.seal(address, cache_document.to_bytes(document))
        if len(sealed) > MOST_BYTES:
            raise TooLarge(len(sealed), MOST_BYTES)
        values: dict[str, dict[str, Any]] = {
            ":blob": {"B": sealed},
            ":next": {"N": str(stored.version + 1)},
            ":ttl": {"N": str(self._expires_at(document))},
            ":seen": {"N": str(stored.version)},
        }
        # An item that was made anew after an erasure can have the old one's version, but not its beginning.
        same_item = "attribute_not_exists(begun_at)"
        if stored.begun_at is not None:
            same_item = "begun_at = :begun_at"
            values[":begun_at"] = {"N": str(stored.begun_at)}
        try:
            self._dynamodb.update_item(
                TableName=address.table,
                Key={"pk": {"S": address.pk}, "sk": {"S": address.sk}},
                UpdateExpression="SET #blob = :blob, #version = :next, #ttl = :ttl",
                ConditionExpression=f"#version = :seen AND {same_item}",
                ExpressionAttributeNames={"#blob": "blob", "#version": "version", "#ttl": "ttl"},
                ExpressionAttributeValues=values,
            )
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and code_of(error) == "ConditionalCheckFailedException":
                return False
            raise unavailable("writing the tokens", error) from error
        return True

    def _expires_at(self, document: Document) -> int:
        """The sliding life, but never beyond the refresh token's own."""
        sliding = int(self._clock()) + self._ttl_seconds
        end = cache_document.refresh_token_expires_on(document, self._client_id)
        return sliding if end is None else min(sliding, end)


def _decoded(item: Item) -> _Stored:
    try:
        begun_at = item.get("begun_at")
        return _Stored(
            blob=bytes(item["blob"]["B"]),
            version=int(item["version"]["N"]),
            begun_at=None if begun_at is None else int(begun_at["N"]),
            expires_at=int(item["ttl"]["N"]),
        )
    except (KeyError, TypeError, ValueError):
        raise Unreadable("corrupt_item") from None


def _erased_at(tombstone: Item | None, now: float) -> int | None:
    """When background access was ended (epoch milliseconds); None without a tombstone, or with one past its time."""
    if tombstone is None:
        return None
    try:
        return int(tombstone["erased_at"]["N"]) if int(tombstone["ttl"]["N"]) > now else None
    except (KeyError, TypeError, ValueError):
        return None
