"""Why a cache could not be read or written: one class for each thing that the caller would do next."""

from typing import Literal

Reason = Literal["malformed", "unknown_version", "unknown_key", "not_authentic", "corrupt_item", "not_a_cache"]

_TEXTS: dict[Reason, str] = {
    "malformed": "expected a sealed blob of version 1, got other bytes",
    "unknown_version": "expected version 1, got another: a later program wrote it",
    "unknown_key": "it was sealed under a key that is not there: given up, or of another source",
    "not_authentic": "it was changed, moved, or sealed under another key",
    "corrupt_item": "expected blob, version and ttl in the item, as docs/data-model.md has them",
    "not_a_cache": "it holds something other than MSAL's unified cache",
}


class CacheError(Exception):
    """Everything that this package raises about an account's cache. Never carries a token or a key."""


class Missing(CacheError):
    """Nothing is cached for the account: it never signed in, its time is over, or background access was ended.

    Only the user can help, by signing in at the API."""


class Erased(CacheError):
    """The item went away after it was read: the user ended background access, or its time was over. Nothing was written."""


class Unreadable(CacheError):
    """There is an item, and no waiting opens it. Treat it as `Missing`: the user's next sign-in replaces it.

    `reason` is one of the names in `docs/data-model.md`, `corrupt_item` or `not_a_cache`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"the cached tokens cannot be read ({reason}): {_TEXTS[reason]}")
        self.reason: Reason = reason


class TooLarge(CacheError):
    """The cache is beyond 64 KiB sealed, or 1 MiB before, which no user's cache should be. Nothing was written."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"expected a cache of at most {limit} bytes, got {size}; nothing was written")
        self.size, self.limit = size, limit


class Unavailable(CacheError):
    """The table or the key cannot be had now: down, throttled, or not permitted. Nothing is wrong with the item.

    `transient` says whether waiting is likely to help; else an operator must. The cause is in `__cause__`."""

    def __init__(self, text: str, *, transient: bool = False) -> None:
        super().__init__(text)
        self.transient = transient
