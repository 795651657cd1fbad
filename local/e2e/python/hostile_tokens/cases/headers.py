"""Members of the header beside `alg`."""

import base64
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from .. import steps
from ..scene import ABSENT
from ..signers import b64, by_hand, compact, sign_input

MALFORMED = "401 malformed_token"
DUPLICATE = "401 duplicate_claim"
UNKNOWN_KEY = "401 unknown_signing_key"
BAD_SIGNATURE = "401 bad_signature"


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "accounts.accesscontrol.windows.net")])
    begin = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.private.public_key(), 1, begin, begin.replace(year=2036))
    signed = builder.sign(key.private, hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.DER)).decode()


def refused(scene):
    main, foreign = scene.keys.main, scene.keys.foreign
    for value in (["exp"], ["b64"], [], "exp", None, ["alg"], [7]):
        token = by_hand(main, scene.header(crit=value), scene.v2())
        yield steps.refused(f"crit {value!r}", MALFORMED, token)
    yield steps.refused("Crit in another case", DUPLICATE, by_hand(main, scene.header(Crit=["x"]), scene.v2()))
    yield steps.refused(
        "b64 false with crit", MALFORMED, by_hand(main, scene.header(b64=False, crit=["b64"]), scene.v2())
    )
    yield steps.refused("b64 false without crit", MALFORMED, by_hand(main, scene.header(b64=False), scene.v2()))
    raw = compact(scene.v2()).decode()
    unencoded = sign_input(main, f"{b64(compact(scene.header(b64=False, crit=['b64'])))}.{raw}")
    yield steps.refused("claims not encoded (RFC 7797)", MALFORMED, unencoded)

    # The attacker's key, recommended by the attacker. Nobody may ask at the trap for it.
    recommended = {
        "jwk": foreign.jwk(),
        "jku": f"{scene.trap}/keys",
        "x5u": f"{scene.trap}/certificate",
        "x5c": [certificate(foreign)],
        "x5t": b64(b"x" * 20),
    }
    for name, value in recommended.items():
        token = scene.sign(scene.v2(), scene.header(**{name: value}), foreign)
        yield steps.refused(f"{name} of a foreign key under our key's id", BAD_SIGNATURE, token)
        token = scene.sign(scene.v2(), scene.header(kid="foreign", **{name: value}), foreign)
        yield steps.refused(f"{name} of a foreign key under its own id", UNKNOWN_KEY, token)
        token = by_hand(foreign, scene.header(kid=ABSENT, **{name: value}), scene.v2())
        yield steps.refused(f"{name} of a foreign key, no kid", UNKNOWN_KEY, token)
    everything = scene.sign(scene.v2(), scene.header(**recommended), foreign)
    yield steps.refused("all recommendations at once", BAD_SIGNATURE, everything)
    yield steps.refused(
        "issuer and keys in the header", BAD_SIGNATURE, scene.sign(scene.v2(), scene.header(iss=scene.trap), foreign)
    )

    for name, value in {
        "path": "../../../../dev/null",
        "absolute path": "/proc/self/environ",
        "SQL": "' OR 1=1 --",
        "SQL union": "x' UNION SELECT 'secret' --",
        "command": "$(touch /tmp/x) | cat",
        "address": f"{scene.trap}/kid",
        "NUL": main.kid + "\0",
        "NUL in front": "\0" + main.kid,
        "blank behind": main.kid + " ",
        "line break": main.kid + "\r\nX-Injected: 1",
        "another case": main.kid.swapcase(),
        "a part of it": main.kid[:-1],
        "long": "k" * 250,
        "unicode": "ключ\u202e",
        "format string": "%s%n{0}${jndi:ldap://x}",
        "wildcard": "*",
        "empty": "",
        "number": 0,
        "true": True,
        "null": None,
        "list": [main.kid],
        "object": {"kid": main.kid},
    }.items():
        token = by_hand(main, scene.header(kid=value), scene.v2())
        yield steps.refused(f"kid: {name}", UNKNOWN_KEY, token)
    for size in (257, 8000):
        huge = by_hand(main, scene.header(kid="k" * size), scene.v2())
        yield steps.refused(f"kid of {size} bytes", "401 claim_too_large", huge)
    yield steps.refused("no kid", UNKNOWN_KEY, by_hand(main, scene.header(kid=ABSENT), scene.v2()))
    twice = f'{{"alg":"RS256","kid":"{main.kid}","kid":"foreign"}}'.encode()
    yield steps.refused("kid twice", DUPLICATE, by_hand(main, twice, scene.v2()))
    escaped = f'{{"alg":"RS256","kid":"{main.kid}","k\\u0069d":"foreign"}}'.encode()
    yield steps.refused("kid twice, once escaped", DUPLICATE, by_hand(main, escaped, scene.v2()))

    for value in ("JWE", "JOSE", "secevent+jwt", "id_token+jwt", "pop", "logout+jwt", "dpop+jwt", "JWT\0", "", 7, None, ["JWT"]):
        token = by_hand(main, scene.header(typ=value), scene.v2())
        yield steps.refused(f"typ {value!r}", MALFORMED, token)

    # Signed as Graph's tokens are: over the hash of the nonce that is sent.
    yield steps.refused("a token for Graph", BAD_SIGNATURE, scene.genuine["graph_token"])
