"""Who is who in the local stack, what time it is there, and which keys are published."""

import base64
import json
from dataclasses import dataclass, field
from itertools import cycle

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .signers import SIGNERS, b64, unb64


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class Key:
    kid: str
    private: object

    def pem(self):
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def public_bytes(self, encoding, form=serialization.PublicFormat.SubjectPublicKeyInfo):
        return self.private.public_key().public_bytes(encoding, form)

    def jwk(self, **members):
        public = self.private.public_key().public_numbers()
        return {"kty": "RSA", "use": "sig", "kid": self.kid, "n": number(public.n), "e": number(public.e), **members}


def rsa_key(kid, bits=2048):
    return Key(kid, rsa.generate_private_key(65537, bits))


class Keys:
    """`main` is the authority's own; those of `published` stand beside it, `foreign` is nobody's."""

    def __init__(self, pkcs8, kid, partner_issuer):
        self.main = Key(kid, serialization.load_der_private_key(base64.b64decode(pkcs8), None))
        self.foreign = rsa_key("foreign")
        self.retired = rsa_key("retired")
        self.partner = rsa_key("partner")
        self.encryption = rsa_key("encryption")
        self.weak = rsa_key("weak", 1024)
        self.curve = Key("curve", ec.generate_private_key(ec.SECP256R1()))
        self.partner_issuer = partner_issuer

    def published(self, without=()):
        point = self.curve.private.public_key().public_numbers()
        coordinates = {"x": b64(point.x.to_bytes(32, "big")), "y": b64(point.y.to_bytes(32, "big"))}
        keys = [
            self.retired.jwk(),
            self.partner.jwk(issuer=self.partner_issuer),
            self.encryption.jwk(use="enc"),
            self.weak.jwk(),
            {"kty": "EC", "use": "sig", "kid": "curve", "crv": "P-256", **coordinates},
            {"kty": "oct", "use": "sig", "kid": "secret", "k": b64(b"a secret that everybody can read")},
        ]
        return [key for key in keys if key["kid"] not in without]


@dataclass
class Scene:
    authority: str
    tenant: str
    partner: str
    api: str
    page: str
    other_page: str
    trap: str
    now: int
    keys: Keys
    # Real ones, as the authority issued them.
    genuine: dict
    signers: object = field(default_factory=lambda: cycle(SIGNERS))

    @classmethod
    def read(cls, given):
        partner_issuer = f"{given['authority']}/{given['partner']}/v2.0"
        keys = Keys(given.pop("pkcs8"), given.pop("kid"), partner_issuer)
        return cls(keys=keys, **given)

    def pass_time(self, seconds):
        self.now += seconds
        return seconds

    def issuer(self, version="2.0", tenant=None):
        suffix = "v2.0" if version == "2.0" else ""
        return f"{self.authority}/{tenant or self.tenant}/{suffix}"

    def header(self, **changes):
        return without_absent({"typ": "JWT", "alg": "RS256", "kid": self.keys.main.kid, **changes})

    def v2(self, **changes):
        """The claims of Adele's own token, fresh, with some changed; `ABSENT` leaves one out."""
        claims = json.loads(unb64(self.genuine["access_token"].split(".")[1]))
        times = {"iat": self.now - 60, "nbf": self.now - 60, "exp": self.now + 3600}
        return without_absent({**claims, **times, **changes})

    def v1(self, **changes):
        """The same user in a v1.0 token."""
        claims = self.v2(ver="1.0", aud=f"api://{self.api}", iss=self.issuer("1.0"), azp=ABSENT, azpacr=ABSENT)
        claims |= {"appid": self.page, "appidacr": "0", "upn": "adele@lakeside.example"}
        return without_absent({**claims, **changes})

    def sign(self, claims, header=None, key=None, signer=None):
        """Signs with one library after the other."""
        sign = SIGNERS[signer or next(self.signers)]
        return sign(key or self.keys.main, header or self.header(), claims)


class Absent:
    """A member that is left out."""


ABSENT = Absent()


def without_absent(members):
    return {name: value for name, value in members.items() if value is not ABSENT}
