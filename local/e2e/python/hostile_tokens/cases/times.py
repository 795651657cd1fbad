"""`exp`, `nbf`, `iat`."""

from .. import steps
from ..scene import ABSENT
from ..signers import by_hand, compact

EXPIRED = "401 token_expired"
EARLY = "401 token_not_yet_valid"
MISSING = "401 missing_claim"
MALFORMED = "401 malformed_token"
YEAR = 366 * 86_400


def refused(scene):
    now, main = scene.now, scene.keys.main
    for name, value in {
        "at the edge of the leeway": now - 60,
        "beyond the leeway": now - 61,
        "a day ago": now - 86_400,
        "1970": 0,
        "one second of 1970": 1,
        "milliseconds before it began": 1000,
    }.items():
        yield steps.refused(f"exp: {name}", EXPIRED, scene.sign(scene.v2(exp=value)))
    for name, value in {
        "text": str(now + 3600),
        "fraction": now + 3600.5,
        "whole fraction": float(now + 3600),
        "negative": -1,
        "far negative": -(2**63),
        "10^308": 1e308,
        "2^63": 2**63,
        "2^64": 2**64,
        "2^64 and some": 2**64 + now + 3600,
        "milliseconds": (now + 3600) * 1000,
        "null": None,
        "true": True,
        "list": [now + 3600],
        "object": {"seconds": now + 3600},
        "date": "2099-01-01T00:00:00Z",
        "hexadecimal": hex(now + 3600),
    }.items():
        for claim in ("exp", "nbf", "iat"):
            token = by_hand(main, scene.header(), scene.v2(**{claim: value}))
            yield steps.refused(f"{claim}: {name}", MISSING, token)
    for claim in ("exp", "nbf", "iat"):
        yield steps.refused(f"no {claim}", MISSING, scene.sign(scene.v2(**{claim: ABSENT})))
    for text in (b"NaN", b"Infinity", b"1e999", b"01", b"+1", b"0x7fffffff"):
        claims = compact(scene.v2(exp=ABSENT))[:-1] + b',"exp":' + text + b"}"
        yield steps.refused(f"exp: {text.decode()}", MALFORMED, by_hand(main, scene.header(), claims))
    exponent = compact(scene.v2(exp=ABSENT))[:-1] + b',"exp":2e9}'
    yield steps.refused("exp: with an exponent", MISSING, by_hand(main, scene.header(), exponent))
    for name, value in {"an hour ahead": now + 3600, "ten minutes ahead": now + 600, "in a year": now + YEAR}.items():
        yield steps.refused(f"nbf: {name}", EARLY, scene.sign(scene.v2(nbf=value, exp=now + 2 * YEAR)))
        yield steps.refused(f"iat: {name}", EARLY, scene.sign(scene.v2(iat=value, exp=now + 2 * YEAR)))
    yield steps.refused("expired before it was valid", EXPIRED, scene.sign(scene.v2(exp=now - 600, nbf=now + 600)))
