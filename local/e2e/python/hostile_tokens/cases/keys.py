"""Good signatures of the wrong keys, and signatures that are not good."""

from .. import steps
from ..signers import b64, by_hand, unb64

MALFORMED = "401 malformed_token"
BAD_SIGNATURE = "401 bad_signature"
UNKNOWN_KEY = "401 unknown_signing_key"

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def refused(scene):
    keys = scene.keys
    yield steps.refused("a foreign key under our key's id", BAD_SIGNATURE, scene.sign(scene.v2(), key=keys.foreign))
    foreign = scene.sign(scene.v2(), scene.header(kid="foreign"), keys.foreign)
    yield steps.refused("a foreign key under its own id", UNKNOWN_KEY, foreign)
    mixed = scene.sign(scene.v2(), scene.header(kid="retired"))
    yield steps.refused("our key under another published key's id", BAD_SIGNATURE, mixed)
    partner = scene.sign(scene.v2(), scene.header(kid="partner"), keys.partner)
    yield steps.refused("a key published for another tenant's issuer", "401 wrong_key_issuer", partner)
    yield steps.refused(
        "a key published for another tenant's issuer, any tenant", "401 wrong_key_issuer", partner, api="organizations"
    )
    own = scene.v2(tid=scene.partner, iss=scene.issuer(tenant=scene.partner))
    yield steps.refused(
        "another tenant's key, issuer and tid",
        "403 tenant_not_allowed",
        scene.sign(own, scene.header(kid="partner"), keys.partner),
        api="organizations",
    )
    encryption = scene.sign(scene.v2(), scene.header(kid="encryption"), keys.encryption)
    yield steps.refused("a key published for encryption", UNKNOWN_KEY, encryption)
    weak = by_hand(keys.weak, scene.header(kid="weak"), scene.v2())
    yield steps.refused("a published key of 1024 bits", UNKNOWN_KEY, weak)
    yield steps.refused("the id of a published shared secret", UNKNOWN_KEY, scene.sign(scene.v2(), scene.header(kid="secret")))
    yield steps.refused("the id of a published curve key", UNKNOWN_KEY, scene.sign(scene.v2(), scene.header(kid="curve")))

    token = scene.sign(scene.v2())
    head, signature = token.rsplit(".", 1)
    other = scene.sign(scene.v2(scp="Profile.Read")).rsplit(".", 1)[1]
    raw = unb64(signature)
    yield steps.refused("no signature", MALFORMED, f"{head}.")
    yield steps.refused("signature and its dot missing", MALFORMED, head)
    yield steps.refused("signature of another token", BAD_SIGNATURE, f"{head}.{other}")
    yield steps.refused("signature cut by a byte", BAD_SIGNATURE, f"{head}.{b64(raw[:-1])}")
    yield steps.refused("signature cut in half", BAD_SIGNATURE, f"{head}.{b64(raw[:128])}")
    yield steps.refused("signature longer by a byte", BAD_SIGNATURE, f"{head}.{b64(raw + b'0')}")
    yield steps.refused("signature with a zero in front", BAD_SIGNATURE, f"{head}.{b64(bytes(1) + raw)}")
    yield steps.refused("signature of 8 KiB", BAD_SIGNATURE, f"{head}.{b64(raw * 32)}")
    for position in (0, 128, 255):
        flipped = bytes(byte ^ (index == position) for index, byte in enumerate(raw))
        yield steps.refused(f"a bit of byte {position} of the signature flipped", BAD_SIGNATURE, f"{head}.{b64(flipped)}")
    yield steps.refused("signature of zeros", BAD_SIGNATURE, f"{head}.{b64(bytes(256))}")
    yield steps.refused("signature of one", BAD_SIGNATURE, f"{head}.{b64(bytes(255) + bytes([1]))}")
    modulus = keys.main.private.public_key().public_numbers().n
    yield steps.refused("signature that is the modulus", BAD_SIGNATURE, f"{head}.{b64(modulus.to_bytes(256, 'big'))}")
    above = int.from_bytes(raw, "big") + modulus
    if above.bit_length() <= 2048:
        yield steps.refused("signature plus the modulus", BAD_SIGNATURE, f"{head}.{b64(above.to_bytes(256, 'big'))}")
    # The last of 342 characters carries 2 bits, so four spare ones could be anything.
    last = ALPHABET[ALPHABET.index(signature[-1]) | 1]
    yield steps.refused("signature with spare bits set", MALFORMED, f"{head}.{signature[:-1]}{last}")
    header, payload, _ = token.split(".")
    changed = scene.sign(scene.v2(oid="1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c02")).split(".")[1]
    yield steps.refused("claims of another token", BAD_SIGNATURE, f"{header}.{changed}.{signature}")
    reordered = scene.sign(scene.v2(), {"kid": keys.main.kid, "alg": "RS256"}, signer="cryptography").split(".")[0]
    yield steps.refused("header of another token", BAD_SIGNATURE, f"{reordered}.{payload}.{signature}")


def retired(scene):
    """After the key has left the document, and the document was read again."""
    yield steps.accepted("a control that brings the new document", scene.sign(scene.v2()))
    token = scene.sign(scene.v2(), scene.header(kid="retired"), scene.keys.retired)
    # The one look for a key that is not known is spent on the first of them.
    yield steps.refused("the retired key, first", UNKNOWN_KEY, token, group="warm-up")
    yield steps.refused("the retired key", UNKNOWN_KEY, token, group="keys")
