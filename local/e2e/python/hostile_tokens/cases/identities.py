"""`oid`, `tid`, `sub`: what becomes the key under which tokens are kept."""

from .. import steps
from ..scene import ABSENT
from ..signers import by_hand

MISSING = "401 missing_claim"


def odd_ids(genuine):
    """By name; each is not quite an id."""
    return {
        "path": "../../" + genuine[6:],
        "two dots": "..",
        "dot": f"{genuine}.{genuine}",
        "hash": genuine[:-2] + "#1",
        "key separator": f"USER#{genuine}",
        "36 letters": "g" * 36,
        "36 hyphens": "-" * 36,
        "36 blanks": " " * 36,
        "one letter not hexadecimal": genuine[:-1] + "g",
        "no hyphens": genuine.replace("-", ""),
        "no hyphens, 36 digits": genuine.replace("-", "") + "0000",
        "hyphens elsewhere": genuine.replace("-", "")[:32] + "----",
        "braces": f"{{{genuine}}}",
        "URN": f"urn:uuid:{genuine}",
        "blank behind": genuine + " ",
        "blank in front": " " + genuine,
        "line break behind": genuine + "\n",
        "NUL behind": genuine + "\0",
        "NUL inside": genuine[:-1] + "\0",
        "cut": genuine[:-1],
        "longer": genuine + "0",
        "full-width digit": genuine[:-1] + "\uff11",
        "cyrillic letter": genuine[:-1] + "\u0430",
        "combining mark": genuine[:-1] + "\u0301",
        "right-to-left mark": genuine[:-1] + "\u202e",
        "full-width hyphens": genuine.replace("-", "\uff0d"),
        "SQL": "' OR '1'='1",
        "expression": ":pk OR attribute_exists(pk)",
        "name": "adele@lakeside.example",
        "empty": "",
        "8 KB": "a" * 8000,
        "number": 7,
        "huge number": 10**40,
        "true": True,
        "null": None,
        "list": [genuine],
        "list of two": [genuine, genuine],
        "object": {"value": genuine},
    }


def refused(scene):
    main, claims = scene.keys.main, scene.v2()
    for name, value in odd_ids(claims["oid"]).items():
        yield steps.refused(f"oid: {name}", MISSING, by_hand(main, scene.header(), scene.v2(oid=value)))
    for name, value in odd_ids(scene.tenant).items():
        yield steps.refused(f"tid: {name}", MISSING, by_hand(main, scene.header(), scene.v2(tid=value)))
    for value in ("common", "organizations", "{tenantid}"):
        changed = scene.v2(tid=value, iss=scene.issuer(tenant=value))
        yield steps.refused(f"tid and iss {value}", MISSING, scene.sign(changed), api="organizations")
    yield steps.refused("oid of 1 MB", "431", by_hand(main, scene.header(), scene.v2(oid="a" * 1_000_000)))
    yield steps.refused("oid of 100 KB", "431 headers_too_large", by_hand(main, scene.header(), scene.v2(oid="a" * 100_000)))
    for claim in ("oid", "tid", "sub"):
        yield steps.refused(f"no {claim}", MISSING, scene.sign(scene.v2(**{claim: ABSENT})))
    for name, value in {"empty": "", "null": None, "number": 7, "list": ["a"]}.items():
        yield steps.refused(f"sub: {name}", MISSING, by_hand(main, scene.header(), scene.v2(sub=value)))
    nil = "00000000-0000-0000-0000-000000000000"
    yield steps.refused("oid of zeros", MISSING, scene.sign(scene.v2(oid=nil)))
    yield steps.refused("oid only under another name", MISSING, scene.sign({**scene.v2(oid=ABSENT), "objectid": claims["oid"]}))
