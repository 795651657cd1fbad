"""Three ways to make a signed token: PyJWT, joserfc, and by hand with cryptography, which signs any bytes whatsoever."""

import base64
import json

import jwt as pyjwt_library
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jws
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import RSAKey


def b64(data):
    """base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def by_pyjwt(key, header, claims):
    extra = {name: value for name, value in header.items() if name not in ("alg", "typ")}
    if header.get("typ") != "JWT":
        extra["typ"] = header.get("typ")
    return pyjwt_library.encode(claims, key.private, algorithm=header["alg"], headers=extra)


def by_joserfc(key, header, claims):
    registry = jws.JWSRegistry(strict_check_header=False, algorithms=[header["alg"]])
    return joserfc_jwt.encode(header, claims, RSAKey.import_key(key.pem()), registry=registry)


def by_hand(key, header, claims):
    """`header` and `claims` may be bytes, which are signed as they are."""
    parts = [part if isinstance(part, bytes) else compact(part) for part in (header, claims)]
    return sign_input(key, ".".join(b64(part) for part in parts))


def sign_input(key, text):
    """RS256 (RFC 8017 §8.2) over a text that may not even be a header and claims."""
    return f"{text}.{b64(key.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


SIGNERS = {"PyJWT": by_pyjwt, "joserfc": by_joserfc, "cryptography": by_hand}
