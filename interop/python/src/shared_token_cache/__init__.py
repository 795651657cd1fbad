"""MSAL Python on the token cache items that the API and the sweep of a shared token cache use.

The items, the cache in them and the sealing are laid down in `docs/data-model.md` of the repository.
"""

from .errors import CacheError, Erased, Missing, TooLarge, Unavailable, Unreadable
from .keys import KmsKeys, LocalKey
from .msal_cache import SharedTokenCache
from .sealing import ItemAddress, Sealer
from .store import TokenStore

__all__ = [
    "CacheError",
    "Erased",
    "ItemAddress",
    "KmsKeys",
    "LocalKey",
    "Missing",
    "Sealer",
    "SharedTokenCache",
    "TokenStore",
    "TooLarge",
    "Unavailable",
    "Unreadable",
]
