"""What a case is: a request, and what must come of it."""

import base64
from dataclasses import dataclass

from .scene import ABSENT
from .signers import SIGNERS


@dataclass
class Case:
    name: str
    # Header lines of the request as they go over the wire, with CR LF.
    head: bytes
    # None when the web server itself ends the matter, before any code of ours.
    code: str | None
    status: int
    # Which of the APIs: `tenant` is the usual one, `any_client` takes every application, `organizations` every tenant that
    # is listed.
    api: str = "tenant"
    query: str = ""
    body: bytes = b""
    # What must not be in the answer.
    token: str = ""
    group: str = ""
    # Controls are accepted on this route.
    route: str | None = None

    def to_json(self):
        texts = {name: base64.b64encode(getattr(self, name)).decode() for name in ("head", "body")}
        return {"case": {**self.__dict__, **texts}}


def bearer(token):
    return b"Authorization: Bearer " + token.encode() + b"\r\n"


def refused(name, expected, token=None, *, head=None, **more):
    """`expected` is a status and a code, such as `401 malformed_token`; a status alone is the web server's own."""
    status, _, code = expected.partition(" ")
    head = bearer(token) if head is None else head
    return Case(name, head, code or None, int(status), token=token or "", **more)


def accepted(name, token=None, *, head=None, route="/api/background-access", **more):
    return Case(name, bearer(token) if head is None else head, None, 200, route=route, group="controls", **more)


def controls_at_the_start(scene):
    """Each way of making a token makes good ones, too, or the refusals would prove nothing."""
    # First, because time goes on while steps are played.
    yield accepted("expired within the leeway", scene.sign(scene.v2(exp=scene.now - 1)))
    for api in ("tenant", "any_client", "organizations"):
        unknown = scene.sign(scene.v2(), scene.header(kid=f"first unknown key of {api}"))
        yield refused(f"the first unknown key, {api}", "401 unknown_signing_key", unknown, api=api, group="warm-up")
        for signer in SIGNERS:
            yield accepted(f"v2.0 by {signer}, {api}", scene.sign(scene.v2(), signer=signer), api=api)
            yield accepted(f"v1.0 by {signer}, {api}", scene.sign(scene.v1(), signer=signer), api=api)
    token = scene.sign(scene.v2())
    yield accepted("the retired key before it is", scene.sign(scene.v2(), scene.header(kid="retired"), scene.keys.retired))
    yield accepted("scheme in small letters", head=b"Authorization: bearer " + token.encode() + b"\r\n")
    yield accepted("header's name in capitals", head=b"AUTHORIZATION: Bearer " + token.encode() + b"\r\n")
    yield accepted("typ at+jwt", scene.sign(scene.v2(), scene.header(typ="at+jwt")))
    yield accepted("no typ", scene.sign(scene.v2(), scene.header(typ=ABSENT), signer="cryptography"))
    yield accepted("not yet valid within the leeway", scene.sign(scene.v2(nbf=scene.now + 50)))
    yield accepted("oid in capitals, the same user", scene.sign(scene.v2(oid=scene.v2()["oid"].upper())))
    yield accepted("scp in another case", scene.sign(scene.v2(scp="PROFILE.READ")))
    yield accepted("scp among others", scene.sign(scene.v2(scp="Other.Read Profile.Read")))
    yield accepted("application that only this API takes", scene.sign(scene.v2(azp=scene.other_page)), api="any_client")
    # RFC 7515 §4: what is not understood is ignored, unless `crit` names it.
    yield accepted("header members that nobody knows", scene.sign(scene.v2(), scene.header(x="y", zip="DEF", x5t="z")))
    yield accepted("claims that nobody knows", scene.sign(scene.v2(xms_new={"a": [1, 2]}, groups=["a"] * 50)))


def controls_at_the_end(scene):
    """Traded in for a Graph token: these write to the table, and so come last."""
    for signer in SIGNERS:
        yield accepted(f"profile with a token by {signer}", scene.sign(scene.v2(), signer=signer), route="/api/profile")
