"""MSAL's unified cache as a document: read, put in order, merge, write. No MSAL, no I/O.

Entities are found by their fields, never by their keys, which every library builds in its own way. Sections and fields
that are not known are kept.
"""

import json
import math
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from .errors import Unreadable

Entity = dict[str, Any]
Document = dict[str, Any]

ACCESS_TOKEN = "AccessToken"
SESSION_ACCESS_TOKEN = "SessionAccessToken"
"""Access tokens of the user's other sessions, in a section of our own that MSAL does not look at."""
REFRESH_TOKEN = "RefreshToken"
ID_TOKEN = "IdToken"
ACCOUNT = "Account"
APP_METADATA = "AppMetadata"
OBTAINED_FOR = "obtained_for_assertion"
"""Hash of the bearer token for which the API obtained an access token; it reuses the token for no other."""

KEPT_SESSIONS = 8
KEPT_ACCESS_TOKENS = 16
KEPT_ACCESS_TOKEN_BYTES = 40 * 1024

_LAST_SECOND = 99_999_999_999
_NEVER = -_LAST_SECOND - 1
_MODIFIED = "last_modification_time"
_ACCESS_TOKEN_TIMES = ("cached_at", "expires_on", "extended_expires_on", "ext_expires_on", "refresh_on")
_RESERVED = frozenset(("openid", "profile", "offline_access", "email"))
_SECTIONS = (ACCESS_TOKEN, SESSION_ACCESS_TOKEN, REFRESH_TOKEN, ID_TOKEN, ACCOUNT, APP_METADATA)


def parse(plaintext: bytes) -> Document:
    """What any MSAL library wrote. Raises `Unreadable`."""
    if not plaintext.strip():
        return {}
    try:
        document = json.loads(plaintext)
    except (ValueError, RecursionError):
        raise Unreadable("not_a_cache") from None
    if not isinstance(document, dict):
        raise Unreadable("not_a_cache")
    for name in _SECTIONS:
        section = document.get(name)
        if section is None:
            document[name] = {}
        elif not isinstance(section, dict) or not all(isinstance(entity, dict) for entity in section.values()):
            raise Unreadable("not_a_cache")
    return document


def to_bytes(document: Document) -> bytes:
    """Compact JSON, without our own section when it is empty."""
    shown = {name: section for name, section in document.items() if section or name != SESSION_ACCESS_TOKEN}
    return json.dumps(shown, separators=(",", ":")).encode()


def text(entity: Entity, field: str) -> str:
    """A text field; what is absent, null or no text is empty."""
    value = entity.get(field)
    return value if isinstance(value, str) else ""


def seconds(entity: Entity, field: str) -> int | None:
    """A time, which libraries write as a string or as a number; fractions are cut off. Beyond the year 5138 it is none."""
    value = entity.get(field)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
        whole = math.trunc(number)
    except (ValueError, OverflowError):
        return None
    return whole if abs(whole) <= _LAST_SECOND else None


def scope_set(entity: Entity) -> frozenset[str]:
    """The scopes of `target` in lower case, without those of OpenID Connect."""
    return frozenset(text(entity, "target").lower().split()) - _RESERVED


def owner(entity: Entity) -> tuple[str, str]:
    """Whose refresh token it is. Aliases of the authority's host do not make two out of one."""
    return text(entity, "home_account_id").lower(), text(entity, "client_id").lower()


def access_token_key(entity: Entity) -> str:
    """Host, user, client, tenant and scopes; `ext_cache_key` keeps tokens apart that were asked for with more than scopes."""
    kind = text(entity, "credential_type") or ACCESS_TOKEN
    parts = [kind, text(entity, "client_id"), text(entity, "realm"), text(entity, "target")]
    extension = text(entity, "ext_cache_key")
    return _key(entity, *parts, *([extension] if extension else []))


def refresh_token_key(entity: Entity) -> str:
    return _key(entity, REFRESH_TOKEN, text(entity, "family_id") or text(entity, "client_id"), "", "")


def _id_token_key(entity: Entity) -> str:
    return _key(entity, ID_TOKEN, text(entity, "client_id"), text(entity, "realm"), "")


def _account_key(entity: Entity) -> str:
    return _key(entity, text(entity, "realm"))


def _app_metadata_key(entity: Entity) -> str:
    # Not in lower case throughout: MSAL Python looks for exactly this key.
    return f"appmetadata-{text(entity, 'environment')}-{text(entity, 'client_id')}"


def _key(entity: Entity, *parts: str) -> str:
    return "-".join([text(entity, "home_account_id"), text(entity, "environment"), *parts]).lower()


def in_order(document: Document) -> Document:
    """Our layout: our keys, one refresh token per user and client, times that can be read, one access token per key."""
    access_tokens = [
        _with_readable_times(entity)
        for section in (ACCESS_TOKEN, SESSION_ACCESS_TOKEN)
        for entity in _entities(document, section)
    ]
    front, beside = _one_in_front(access_tokens)
    refresh_tokens = newest_of_each_owner(_entities(document, REFRESH_TOKEN), access_tokens)
    return {
        **document,
        ACCESS_TOKEN: _section(front, access_token_key),
        SESSION_ACCESS_TOKEN: _sessions(beside),
        REFRESH_TOKEN: _section(refresh_tokens, refresh_token_key),
        ID_TOKEN: _section(_entities(document, ID_TOKEN), _id_token_key),
        ACCOUNT: _section(_entities(document, ACCOUNT), _account_key),
        APP_METADATA: _section(_entities(document, APP_METADATA), _app_metadata_key),
    }


def newest_of_each_owner(in_file_order: list[Entity], access_tokens: list[Entity]) -> Iterable[Entity]:
    """Of each owner's refresh tokens the newest, with its time.

    Where a library that keeps no time (Node, .NET) stored a token, its place tells: one that stands after others was added
    later. Alone in its file it is as old as the newest access token, which came in the same answer."""
    answered: dict[Hashable, int] = {}
    for entity in access_tokens:
        answered[owner(entity)] = max(seconds(entity, "cached_at") or 0, answered.get(owner(entity), 0))
    with_times = {owner(entity) for entity in in_file_order if seconds(entity, _MODIFIED) is not None}
    latest: dict[Hashable, int] = {}
    newest: dict[Hashable, Entity] = {}
    for entity in filter(lambda entity: text(entity, "secret"), in_file_order):
        whose = owner(entity)
        time = seconds(entity, _MODIFIED)
        if time is None and whose in latest:
            time = max(latest[whose] + 1, answered.get(whose, 0))
        elif time is None:
            time = 0 if whose in with_times else answered.get(whose, 0)
        latest[whose] = max(time, latest.get(whose, 0))
        if whose not in newest or time >= _modified(newest[whose]):
            newest[whose] = {**entity, _MODIFIED: str(time)}
    return newest.values()


def merge(theirs: Document, ours: Document) -> Document:
    """Everything that either side has: the longer-lived access token, the newest refresh token, for the rest ours.

    At the same second the secret decides, so that all who merge the same two come to the same."""
    access_tokens = _union(
        [entity for side in (theirs, ours) for name in (ACCESS_TOKEN, SESSION_ACCESS_TOKEN) for entity in _entities(side, name)],
        lambda entity: (access_token_key(entity), text(entity, OBTAINED_FOR)),
        lambda entity: (_expiry(entity), text(entity, "secret")),
    )
    refresh_tokens = _union(
        [*_entities(theirs, REFRESH_TOKEN), *_entities(ours, REFRESH_TOKEN)],
        owner,
        lambda entity: (_modified(entity), text(entity, "secret")),
    )
    merged = {name: _entries_of_both(theirs.get(name), section) for name, section in ours.items()}
    for name, key in ((ID_TOKEN, _id_token_key), (ACCOUNT, _account_key), (APP_METADATA, _app_metadata_key)):
        merged[name] = _section([*_entities(theirs, name), *_entities(ours, name)], key)
    merged[ACCESS_TOKEN] = dict(enumerate(access_tokens))
    merged[SESSION_ACCESS_TOKEN] = {}
    merged[REFRESH_TOKEN] = dict(enumerate(refresh_tokens))
    return in_order({**theirs, **merged})


def bounded(document: Document) -> Document:
    """The newest access tokens, as many as are kept: no more than an item has room for."""
    names = (ACCESS_TOKEN, SESSION_ACCESS_TOKEN)
    tokens = [(name, key, entity) for name in names for key, entity in document.get(name, {}).items()]
    tokens.sort(key=lambda token: _or_never(seconds(token[2], "cached_at")), reverse=True)
    kept: dict[str, dict[str, Entity]] = {name: {} for name in names}
    room = KEPT_ACCESS_TOKEN_BYTES
    for name, key, entity in tokens[:KEPT_ACCESS_TOKENS]:
        size = len(key) + len(json.dumps(entity))
        if size <= room:
            room -= size
            kept[name][key] = entity
    return {**document, **kept}


def without_expired(document: Document, now: float) -> Document:
    """Less the access tokens whose time is over, or cannot be read."""
    live = {
        name: {key: entity for key, entity in document.get(name, {}).items() if _expiry(entity) > now}
        for name in (ACCESS_TOKEN, SESSION_ACCESS_TOKEN)
    }
    return {**document, **live}


def displaced_by(document: Document, token: Entity) -> Document:
    """Makes room for a new access token: those of the same user, client and tenant whose scopes overlap give way.

    Those that the API obtained for a session are kept beside, because that session still uses them."""
    place = (*owner(token), text(token, "realm").lower(), text(token, "ext_cache_key"))
    scopes = scope_set(token)

    def gives_way(entity: Entity) -> bool:
        other = (*owner(entity), text(entity, "realm").lower(), text(entity, "ext_cache_key"))
        return place == other and bool(scopes & scope_set(entity))

    kept, displaced = {}, []
    for key, entity in document.get(ACCESS_TOKEN, {}).items():
        if gives_way(entity):
            displaced.append(entity)
        else:
            kept[key] = entity
    beside = [*_entities(document, SESSION_ACCESS_TOKEN), *(entity for entity in displaced if text(entity, OBTAINED_FOR))]
    return {**document, ACCESS_TOKEN: kept, SESSION_ACCESS_TOKEN: _sessions(beside)}


def refresh_token_expires_on(document: Document, client_id: str) -> int | None:
    """When the client's refresh token stops working (epoch seconds), where the authority said so."""
    ends = [
        seconds(entity, "expires_on")
        for entity in _entities(document, REFRESH_TOKEN)
        if text(entity, "client_id").lower() == client_id
    ]
    return max((end for end in ends if end is not None), default=None)


def environment_of(document: Document) -> str | None:
    """The authority's host as the document names it; None when there is nothing in it."""
    for name in (ACCOUNT, REFRESH_TOKEN, ACCESS_TOKEN):
        for entity in _entities(document, name):
            if text(entity, "environment"):
                return text(entity, "environment")
    return None


def with_environment(document: Document, name: str) -> Document:
    """The same with this name for the authority's host. One item is of one cloud, so all other names in it are aliases."""
    sections = {
        section: {key: {**entity, "environment": name} for key, entity in document.get(section, {}).items()}
        for section in _SECTIONS
    }
    return in_order({**document, **sections})


def _entities(document: Document, section: str) -> list[Entity]:
    return list(document.get(section, {}).values())


def _expiry(entity: Entity) -> int:
    return _or_never(seconds(entity, "expires_on"))


def _modified(entity: Entity) -> int:
    return _or_never(seconds(entity, _MODIFIED))


def _or_never(value: int | None) -> int:
    return _NEVER if value is None else value


def _section(entities: Iterable[Entity], key: Callable[[Entity], str]) -> dict[str, Entity]:
    """By key. Entities with the same key become one: the fields of the last, and what only earlier ones had."""
    section: dict[str, Entity] = {}
    for entity in entities:
        section[key(entity)] = {**section.get(key(entity), {}), **entity}
    return section


def _sessions(entities: Iterable[Entity]) -> dict[str, Entity]:
    """The longest-lived sessions, as many as are kept."""
    kept = sorted(entities, key=_expiry, reverse=True)[:KEPT_SESSIONS]
    return _section(kept, lambda entity: f"{access_token_key(entity)}-{text(entity, OBTAINED_FOR)}")


def _union(
    entities: Iterable[Entity], key: Callable[[Entity], Hashable], rank: Callable[[Entity], Any]
) -> Iterable[Entity]:
    kept: dict[Hashable, Entity] = {}
    for entity in entities:
        present = kept.get(key(entity))
        if present is None:
            kept[key(entity)] = entity
            continue
        first, second = sorted((present, entity), key=rank)
        # Two copies of one token become one with the fields of both.
        same = text(first, "secret") == text(second, "secret")
        kept[key(entity)] = {**first, **second} if same else second
    return kept.values()


def _entries_of_both(theirs: Any, ours: Any) -> Any:
    """A section that is not known is taken for a map like those that are: each side may have added to it."""
    return {**theirs, **ours} if isinstance(theirs, dict) and isinstance(ours, dict) else ours


def _with_readable_times(entity: Entity) -> Entity:
    """As strings, as the schema has them. MSAL Python stops at an entry whose time to renew it cannot read."""
    times = {name: seconds(entity, name) for name in _ACCESS_TOKEN_TIMES if name in entity}
    kept = {name: value for name, value in entity.items() if name != "refresh_on" or times["refresh_on"] is not None}
    return {**kept, **{name: str(at) for name, at in times.items() if at is not None}}


def _one_in_front(entities: Iterable[Entity]) -> tuple[list[Entity], list[Entity]]:
    """Of the access tokens with one key the longest-lived, where MSAL looks, and beside it those of other sessions."""
    front: dict[str, Entity] = {}
    beside = []
    for entity in entities:
        if seconds(entity, "expires_on") is None or not text(entity, "secret"):
            continue  # MSAL Python stops at such an entry, and nobody can use it.
        key = access_token_key(entity)
        present = front.get(key)
        if present is None:
            front[key] = entity
            continue
        first, second = sorted((present, entity), key=lambda one: (_expiry(one), text(one, "secret")))
        front[key] = second
        beside.append(first)
    return list(front.values()), [entity for entity in beside if text(entity, OBTAINED_FOR)]
