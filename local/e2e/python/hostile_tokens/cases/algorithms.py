"""`alg`, and keys used for what they are not for."""

import hashlib
import hmac
import json

import jwt as pyjwt_library
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe, jws
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, RSAKey

from .. import steps
from ..scene import ABSENT
from ..signers import b64, by_hand, compact, sign_input

UNSUPPORTED = "401 unsupported_algorithm"
MALFORMED = "401 malformed_token"
DUPLICATE = "401 duplicate_claim"


def unsigned(scene, signature="", **header):
    return f"{b64(compact(scene.header(**header)))}.{b64(compact(scene.v2()))}.{signature}"


def with_secret(scene, secret, algorithm="HS256"):
    text = f"{b64(compact(scene.header(alg=algorithm)))}.{b64(compact(scene.v2()))}"
    hash_of = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    return f"{text}.{b64(hmac.new(secret, text.encode(), hash_of).digest())}"


def refused(scene):
    main = scene.keys.main
    for name in ("none", "None", "NONE", "nOnE", "none "):
        yield steps.refused(f"alg {name!r}, no signature", UNSUPPORTED, unsigned(scene, alg=name))
        yield steps.refused(f"alg {name!r}, some signature", UNSUPPORTED, unsigned(scene, "c2ln", alg=name))
    by_pyjwt = pyjwt_library.encode(scene.v2(), None, algorithm="none", headers={"kid": main.kid})
    yield steps.refused("alg none by PyJWT", UNSUPPORTED, by_pyjwt)
    genuine = scene.genuine["access_token"].rsplit(".", 1)[1]
    yield steps.refused("alg none over a genuine signature", UNSUPPORTED, unsigned(scene, genuine, alg="none"))

    jwk = main.jwk()
    secrets = {
        "PEM": main.public_bytes(Encoding.PEM),
        "PEM without its last line break": main.public_bytes(Encoding.PEM).rstrip(),
        "PKCS#1 PEM": main.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": main.public_bytes(Encoding.DER),
        "JWK": compact(jwk),
        "JWK in order": json.dumps(jwk, sort_keys=True).encode(),
        "modulus": jwk["n"].encode(),
        "modulus in bytes": main.private.public_key().public_numbers().n.to_bytes(256, "big"),
        "key id": main.kid.encode(),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        yield steps.refused(f"HS256 with the public key as secret: {name}", UNSUPPORTED, with_secret(scene, secret))
    pem = main.public_bytes(Encoding.PEM)
    yield steps.refused("HS384 with the public key as secret", UNSUPPORTED, with_secret(scene, pem, "HS384"))
    yield steps.refused("HS512 with the public key as secret", UNSUPPORTED, with_secret(scene, pem, "HS512"))

    for algorithm in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        token = pyjwt_library.encode(scene.v2(), main.private, algorithm=algorithm, headers={"kid": main.kid})
        yield steps.refused(f"{algorithm} with the right key", UNSUPPORTED, token)
        key = RSAKey.import_key(main.pem())
        token = joserfc_jwt.encode(scene.header(alg=algorithm), scene.v2(), key, algorithms=[algorithm])
        yield steps.refused(f"{algorithm} with the right key by joserfc", UNSUPPORTED, token)
    curve = ECKey.import_key(scene.keys.curve.pem())
    token = joserfc_jwt.encode(scene.header(alg="ES256", kid="curve"), scene.v2(), curve, algorithms=["ES256"])
    yield steps.refused("ES256 with a published key", UNSUPPORTED, token)
    text = f"{b64(compact(scene.header()))}.{b64(compact(scene.v2()))}"
    pss = pyjwt_library.algorithms.RSAPSSAlgorithm(pyjwt_library.algorithms.RSAPSSAlgorithm.SHA256)
    yield steps.refused(
        "RS256 in name, PS256 in fact", "401 bad_signature", f"{text}.{b64(pss.sign(text.encode(), main.private))}"
    )

    for value in ("rs256", "RS256 ", "RS256\0", "RSA", "EdDSA", "dir", "A128KW", "RS256,none"):
        yield steps.refused(f"alg {value!r}", UNSUPPORTED, by_hand(main, scene.header(alg=value), scene.v2()))
    for value in ("", None, 256, True, ["RS256"], {"RS256": 1}):
        yield steps.refused(f"alg {value!r}", MALFORMED, by_hand(main, scene.header(alg=value), scene.v2()))
    yield steps.refused("no alg", MALFORMED, by_hand(main, scene.header(alg=ABSENT), scene.v2()))
    for first, second in (("RS256", "none"), ("none", "RS256"), ("RS256", "RS256")):
        header = f'{{"alg":"{first}","kid":"{main.kid}","alg":"{second}"}}'.encode()
        yield steps.refused(f"alg twice: {first}, {second}", DUPLICATE, by_hand(main, header, scene.v2()))
    header = f'{{"alg":"RS256","Alg":"none","kid":"{main.kid}"}}'.encode()
    yield steps.refused("alg again in another case", DUPLICATE, by_hand(main, header, scene.v2()))

    for algorithm, encryption in (("RSA-OAEP-256", "A256GCM"), ("RSA-OAEP", "A128CBC-HS256")):
        registry = jwe.JWERegistry(algorithms=[algorithm, encryption])
        header = {"alg": algorithm, "enc": encryption, "kid": main.kid, "cty": "JWT"}
        inner = scene.sign(scene.v2())
        token = jwe.encrypt_compact(header, inner, RSAKey.import_key(main.pem()), registry=registry)
        yield steps.refused(f"encrypted: {algorithm}, {encryption}", "401 encrypted_token", token)
    yield steps.refused("five parts of nothing", "401 encrypted_token", "a.b.c.d.e")
    yield steps.refused(
        "a token in a token", MALFORMED, sign_input(main, f"{b64(compact(scene.header(cty='JWT')))}.{b64(scene.sign(scene.v2()))}")
    )
    flattened = jws.serialize_json({"protected": {"alg": "RS256"}, "header": {"kid": main.kid}},
                                   compact(scene.v2()), RSAKey.import_key(main.pem()))  # fmt: skip
    yield steps.refused("the JSON form of a signature", MALFORMED, b64(json.dumps(flattened)))
    yield steps.refused("the JSON form of a signature, as it is", MALFORMED, json.dumps(flattened))
