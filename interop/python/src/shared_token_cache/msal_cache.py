"""The cache that MSAL Python works with while an account is open."""

import json
from typing import Any

import msal

from .document import (
    ACCESS_TOKEN,
    ACCOUNT,
    OBTAINED_FOR,
    REFRESH_TOKEN,
    Document,
    Entity,
    displaced_by,
    environment_of,
    in_order,
    owner,
    scope_set,
    seconds,
    text,
    with_environment,
)


class SharedTokenCache(msal.SerializableTokenCache):  # type: ignore[misc]
    """One account's cache as MSAL sees it, kept in the layout that all who share it rely on.

    Where it differs from its base: a new refresh token replaces every other of the user and client and is newer than they
    were, even within one second; a new access token replaces those whose scopes overlap with its own, but not those that
    the API obtained for a session. Made by `TokenStore.open`; `written` tells afterwards whether the table was changed.
    """

    def __init__(self, document: Document, environment: str | None = None) -> None:
        super().__init__()
        self.written = False
        self._refresh_token_expires_in: int | None = None
        # The names of the authority's host: in the item, and for MSAL.
        self._names = (environment_of(document) or environment, environment)
        self._set(self._renamed(in_order(document), *self._names))
        self.has_state_changed = False

    def document(self) -> Document:
        """What is in it now, as it goes into the item."""
        with self._lock:
            document = json.loads(json.dumps(self._cache))
        return in_order(self._renamed(document, *reversed(self._names)))

    def add(self, event: dict[str, Any], **options: Any) -> None:
        """Called by MSAL with an answer of the authority."""
        with self._lock:
            expires_in = seconds(event.get("response", {}), "refresh_token_expires_in")
            self._refresh_token_expires_in = expires_in
            super().add(event, **options)

    def modify(self, credential_type: str, old_entry: Entity, new_key_value_pairs: Entity | None = None) -> None:
        """Called by MSAL for each entity that it adds, changes or (without new values) removes."""
        if not new_key_value_pairs:
            super().modify(credential_type, old_entry)
            return
        entity = {**old_entry, **new_key_value_pairs}
        with self._lock:
            if credential_type == ACCESS_TOKEN:
                self._before_access_token(entity)
            elif credential_type == REFRESH_TOKEN:
                self._before_refresh_token(entity)
            super().modify(credential_type, entity, entity)

    def _before_access_token(self, entity: Entity) -> None:
        entity["target"] = " ".join(
            sorted((scope for scope in text(entity, "target").split() if scope.lower() in scope_set(entity)), key=str.lower)
        )
        if "extended_expires_on" in entity:
            entity["ext_expires_on"] = entity["extended_expires_on"]
        entity.pop(OBTAINED_FOR, None)
        _set_assertion_hash(entity)
        self._set(displaced_by(self._cache, entity))

    def _before_refresh_token(self, entity: Entity) -> None:
        others = [other for other in self._cache.get(REFRESH_TOKEN, {}).values() if owner(other) == owner(entity)]
        entity.pop("target", None)  # It is good for any scope, and MSAL Python's key of it would be another each time.
        if all(text(other, "secret") != text(entity, "secret") for other in others):
            entity.pop("expires_on", None)  # That of the token which this one replaces.
            now = seconds(entity, "last_modification_time") or 0
            if self._refresh_token_expires_in is not None:
                entity["expires_on"] = str(now + self._refresh_token_expires_in)
            before = max((seconds(other, "last_modification_time") or 0 for other in others), default=0)
            entity["last_modification_time"] = str(max(now, before + 1))
        _set_assertion_hash(entity)
        kept = {
            key: other for key, other in self._cache.get(REFRESH_TOKEN, {}).items() if owner(other) != owner(entity)
        }
        self._set({**self._cache, REFRESH_TOKEN: kept})

    def _set(self, document: Document) -> None:
        for account in document.get(ACCOUNT, {}).values():
            account.setdefault("authority_type", "MSSTS")  # MSAL Python asks every account for it.
        self._cache = document

    @staticmethod
    def _renamed(document: Document, old: str | None, new: str | None) -> Document:
        return with_environment(document, new) if old and new and old != new else document


def _set_assertion_hash(entity: Entity) -> None:
    """Both spellings, set to the home account id: so .NET finds the entity by user as well as in long-running processes."""
    home_account_id = text(entity, "home_account_id")
    if home_account_id:
        entity["user_assertion_hash"] = entity["userAssertionHash"] = home_account_id
