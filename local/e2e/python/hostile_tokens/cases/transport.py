"""Good tokens in the wrong place or the wrong way."""

from .. import steps

MISSING = "401 missing_token"
MALFORMED = "401 malformed_token"


def refused(scene):
    token = scene.sign(scene.v2())
    raw = token.encode()
    hostile = scene.sign(scene.v2(oid="1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c02"), key=scene.keys.foreign)

    def authorization(value):
        return b"Authorization: " + value + b"\r\n"

    def case(name, expected, head, **more):
        return steps.refused(name, expected, token, head=head, **more)

    yield case("no header at all", MISSING, b"")
    for name, value in {
        "nothing in it": b"",
        "blanks": b"   ",
        "no scheme": raw,
        "scheme alone": b"Bearer",
        "scheme and a blank": b"Bearer ",
        "no blank": b"Bearer" + raw,
        "tabulator": b"Bearer\t" + raw,
        "no-break space": b"Bearer\xc2\xa0" + raw,
        "colon": b"Bearer:" + raw,
        "colon and blank": b"Bearer: " + raw,
        "equals": b"Bearer=" + raw,
        "quoted scheme": b'"Bearer" ' + raw,
        "Basic": b"Basic " + raw,
        "Basic with a password": b"Basic dXNlcjpwYXNz",
        "Token": b"Token " + raw,
        "JWT": b"JWT " + raw,
        "PoP": b"PoP " + raw,
        "DPoP": b"DPoP " + raw,
        "Negotiate": b"Negotiate " + raw,
        "MSAuth1.0": b"MSAuth1.0 " + raw,
        "letters that look alike": "Веarer ".encode() + raw,
        "another encoding": b"B\xe9arer " + raw,
    }.items():
        yield case(f"Authorization: {name}", MISSING, authorization(value))
    for name, value in {
        "Basic, then Bearer": b"Basic dXNlcjpwYXNz, Bearer " + raw,
        "two Bearers in one": b"Bearer " + raw + b", Bearer " + raw,
        "parameters behind": b"Bearer " + raw + b" realm=x",
        "a parameter": b"Bearer token=" + raw,
        "Bearer Bearer": b"Bearer Bearer " + raw,
    }.items():
        expected = MISSING if value.startswith(b"Basic") else MALFORMED
        yield case(f"Authorization: {name}", expected, authorization(value))
    yield case("Authorization: a byte that is no text", MISSING, authorization(b"Bearer " + raw + b"\xff"))
    both = authorization(b"Bearer " + raw)
    yield case("two headers, the same", "401 duplicate_header", both + both)
    yield case("two headers, good first", "401 duplicate_header", both + authorization(b"Bearer " + hostile.encode()))
    yield case("two headers, good last", "401 duplicate_header", authorization(b"Bearer " + hostile.encode()) + both)
    yield case("two headers, one Basic", "401 duplicate_header", authorization(b"Basic dTpw") + both)
    yield case("two headers, one empty", "401 duplicate_header", authorization(b"") + both)
    yield case("two headers, names in other cases", "401 duplicate_header", both + both.replace(b"Auth", b"aUTH"))

    yield case("in the query", MISSING, b"", query=f"?access_token={token}")
    yield case("in the query, as Authorization", MISSING, b"", query=f"?Authorization=Bearer%20{token}")
    yield case("in a cookie", MISSING, b"Cookie: access_token=" + raw + b"; Authorization=Bearer " + raw + b"\r\n")
    form = b"access_token=" + raw
    head = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + str(len(form)).encode() + b"\r\n"
    yield case("in the body", MISSING, head, body=form)
    for name in ("Proxy-Authorization", "X-Authorization", "X-Forwarded-Authorization", "X-Access-Token", "Authentication",
                 "X-Amzn-Remapped-Authorization", "X-Original-Authorization", "Authorization_", "HTTP_AUTHORIZATION"):  # fmt: skip
        yield case(f"in {name}", MISSING, name.encode() + b": Bearer " + raw + b"\r\n")
    yield case("claims in a header of the gateway", MISSING, b"X-MS-CLIENT-PRINCIPAL: e30=\r\nX-MS-TOKEN-AAD-ACCESS-TOKEN: " + raw + b"\r\n")  # fmt: skip

    # What is no HTTP is the web server's to refuse.
    yield case("line break and blank", "400", b"Authorization: Bearer\r\n " + raw + b"\r\n")
    yield case("line feed in the token", "400", authorization(b"Bearer " + raw[:50] + b"\n" + raw[50:]))
    yield case("carriage return in the token", "400", authorization(b"Bearer " + raw[:50] + b"\r" + raw[50:]))
    yield case("NUL in the token", "400", authorization(b"Bearer " + raw[:50] + b"\0" + raw[50:]))
    yield case("blank before the colon", "400", b"Authorization : Bearer " + raw + b"\r\n")
    yield case("no colon", "400", b"Authorization Bearer " + raw + b"\r\n")
    yield case("header injected by the token", MALFORMED, authorization(b"Bearer x\r\nX-Injected: " + raw))
