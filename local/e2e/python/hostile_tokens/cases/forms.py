"""JSON and base64 that two readers could read in two ways, or that cost too much to read."""

import base64

from .. import steps
from ..signers import b64, by_hand, compact, sign_input

MALFORMED = "401 malformed_token"
DUPLICATE = "401 duplicate_claim"
TOO_LARGE = "401 token_too_large"
# Said before any route is looked for.
HEADERS_TOO_LARGE = "431 headers_too_large"
OTHER_USER = "1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c02"


def refused(scene):
    main, header = scene.keys.main, scene.header()
    claims = compact(scene.v2())

    def with_claims(data):
        return by_hand(main, header, data)

    def and_more(text):
        return with_claims(claims[:-1] + b"," + text.encode() + b"}")

    for name, member in {
        "oid": f'"oid":"{OTHER_USER}"',
        "oid, escaped": f'"o\\u0069d":"{OTHER_USER}"',
        "oid, in capitals": f'"OID":"{OTHER_USER}"',
        "oid, the same": f'"oid":"{scene.v2()["oid"]}"',
        "tid": f'"tid":"{scene.partner}"',
        "aud": f'"aud":"{scene.api}"',
        "exp": f'"exp":{scene.now + 10**6}',
        "scp": '"scp":"Profile.ReadWrite"',
        "Scp": '"Scp":"Profile.ReadWrite"',
        "iss": f'"iss":"{scene.issuer()}"',
        "azp": f'"azp":"{scene.page}"',
        "ver": '"ver":"1.0"',
        "a claim of no interest": '"x":1,"x":2',
    }.items():
        yield steps.refused(f"claim twice: {name}", DUPLICATE, and_more(member))
    for claim in ("sub", "tid", "azp", "exp", "idtyp"):
        other = and_more(f'"{claim.capitalize()}":"x"')
        yield steps.refused(f"claim in two cases: {claim}", DUPLICATE, other)
    nested = {"object": '{"a":' * 1500 + "1" + "}" * 1500, "list": "[" * 4500 + "]" * 4500}
    for name, text in nested.items():
        yield steps.refused(f"nested deep: {name}", MALFORMED, and_more(f'"x":{text}'))
    yield steps.refused("nested 10,000 deep", TOO_LARGE, and_more(f'"x":{"[" * 10_000 + "]" * 10_000}'))
    deep = compact(header)[:-1] + b',"x":' + b"[" * 4000 + b"]" * 4000 + b"}"
    yield steps.refused("nested deep in the header", MALFORMED, by_hand(main, deep, claims))

    for name, data in {
        "object behind": claims + claims,
        "letter behind": claims + b"x",
        "NUL behind": claims + b"\0",
        "byte order mark": b"\xef\xbb\xbf" + claims,
        "UTF-16": claims.decode().encode("utf-16"),
        "not UTF-8": claims[:-1] + b',"x":"\xff\xfe"}',
        "overlong UTF-8": claims[:-1] + b',"x":"\xc0\xaf"}',
        "lone surrogate in UTF-8": claims[:-1] + b',"x":"\xed\xa0\x80"}',
        "lone surrogate escaped": claims[:-1] + b',"x":"\\ud800"}',
        "line break in a text": claims[:-1] + b',"x":"\n"}',
        "comma at the end": claims[:-1] + b",}",
        "comment": claims[:-1] + b"/* */}",
        "single quotes": claims.replace(b'"', b"'"),
        "names without quotes": claims.replace(b'"oid"', b"oid"),
        "cut": claims[:-1],
        "list": b"[" + claims + b"]",
        "text": b'"' + b64(claims).encode() + b'"',
        "number": b"1",
        "null": b"null",
        "true": b"true",
        "empty": b"",
        "blanks": b"   ",
        "zeros": bytes(100),
        "random bytes": bytes((index * 89 + 17) % 256 for index in range(300)),
        "XML": b"<claims><oid>a</oid></claims>",
    }.items():
        yield steps.refused(f"claims: {name}", MALFORMED, with_claims(data))
    for name, data in {
        "list": b"[" + compact(header) + b"]",
        "text": b'"RS256"',
        "null": b"null",
        "empty": b"",
        "byte order mark": b"\xef\xbb\xbf" + compact(header),
        "object behind": compact(header) * 2,
        "not UTF-8": compact(header)[:-1] + b',"x":"\xff"}',
        "blank object": b"{}",
    }.items():
        yield steps.refused(f"header: {name}", MALFORMED, by_hand(main, data, claims))

    token = by_hand(main, header, claims)
    first, second, signature = token.split(".")
    padded = base64.urlsafe_b64encode(compact(header) + b" " * (1 - len(compact(header)) % 3)).decode()
    while not padded.endswith("="):
        padded = base64.urlsafe_b64encode(compact(header) + b" " * (len(padded) % 5 + 1)).decode()
    yield steps.refused("header padded, and signed so", MALFORMED, sign_input(main, f"{padded}.{second}"))
    yield steps.refused("signature padded", MALFORMED, f"{token}==")
    wide = compact({**scene.v2(), "x": "\u00fb\u00ff\u00bf" * 20})
    standard = base64.b64encode(wide).decode().rstrip("=")
    assert "+" in standard or "/" in standard
    yield steps.refused("claims in base64 not for URLs", MALFORMED, sign_input(main, f"{first}.{standard}"))
    if len(second) % 4 == 0:
        second = b64(claims + b" ")
    spare = "BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = next(letter for letter in spare if base64.urlsafe_b64decode(second[:-1] + letter + "==")
                == base64.urlsafe_b64decode(second + "==") and letter != second[-1])  # fmt: skip
    yield steps.refused("claims with spare bits set, and signed so", MALFORMED, sign_input(main, f"{first}.{second[:-1]}{last}"))
    yield steps.refused("header of one letter more", MALFORMED, sign_input(main, f"{first}AAAAA.{second}"))
    yield steps.refused("percent-encoded", MALFORMED, token.replace(".", "%2E"))
    yield steps.refused("bytes in hexadecimal", MALFORMED, token.encode().hex())

    for name, text in {
        "one part": "x",
        "a GUID": scene.api,
        "two parts": "a.b",
        "four parts": f"{token}.x",
        "six parts: two tokens joined": f"{token}.{token}",
        "dots": "..",
        "dot in front": f".{token}",
        "dot behind": f"{token}.",
        "two tokens with a comma": f"{token},{token}",
        "two tokens with a blank": f"{token} {token}",
        "two tokens with a semicolon": f"{token};{token}",
        "quotes": f'"{token}"',
        "angle brackets": f"<{token}>",
        "blank inside": token.replace(".", ". ", 1),
        "the word Bearer twice": f"Bearer {token}",
        "the word null": "null",
        "the word undefined": "undefined",
        "an opaque token": "EwCoA8l6BAAU" + "A" * 600,
    }.items():
        yield steps.refused(f"form: {name}", MALFORMED, text)

    # Five parts, and so an encrypted token as far as anybody can tell.
    yield steps.refused("form: two dots", "401 encrypted_token", token.replace(".", ".."))
    yield steps.refused("form: two tokens with nothing between", "401 encrypted_token", token + token)

    yield steps.refused("over 16 KiB", TOO_LARGE, and_more(f'"x":"{"a" * 16_000}"'))
    yield steps.refused("300 KB", HEADERS_TOO_LARGE, and_more(f'"x":"{"a" * 220_000}"'))
    # The web server takes no header of this size.
    yield steps.refused("1 MB", "431", and_more(f'"x":"{"a" * 750_000}"'))
    yield steps.refused("16 KiB of dots", MALFORMED, "." * 16_000)
    yield steps.refused("10,000 claims", HEADERS_TOO_LARGE, and_more(",".join(f'"c{index}":1' for index in range(10_000))))
