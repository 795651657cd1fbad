"""`iss`, `tid`, `aud`, `ver`: who issued it, for whom, and in which form."""

from .. import steps
from ..scene import ABSENT
from ..signers import by_hand

GRAPH = "00000003-0000-0000-c000-000000000000"
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
WRONG_ISSUER = "401 wrong_issuer"
WRONG_AUDIENCE = "401 wrong_audience"
MISSING = "401 missing_claim"


def refused(scene):
    host = scene.authority.split("://")[1]
    tenant, partner = scene.tenant, scene.partner
    for name, issuer in {
        "another tenant's": scene.issuer(tenant=partner),
        "the template as it is": f"{scene.authority}/{{tenantid}}/v2.0",
        "common": f"{scene.authority}/common/v2.0",
        "organizations": f"{scene.authority}/organizations/v2.0",
        "v1.0": scene.issuer("1.0"),
        "sts.windows.net": f"https://sts.windows.net/{tenant}/",
        "Microsoft's": f"https://login.microsoftonline.com/{tenant}/v2.0",
        "US government": f"https://login.microsoftonline.us/{tenant}/v2.0",
        "China": f"https://login.partner.microsoftonline.cn/{tenant}/v2.0",
        "https": scene.issuer().replace("http://", "https://"),
        "ftp": scene.issuer().replace("http://", "ftp://"),
        "no scheme": scene.issuer().replace("http://", ""),
        "slash behind": scene.issuer() + "/",
        "two slashes": scene.issuer().replace("/v2.0", "//v2.0"),
        "no version": f"{scene.authority}/{tenant}",
        "v2.00": scene.issuer() + "0",
        "V2.0": scene.issuer().replace("v2.0", "V2.0"),
        "tenant in capitals": scene.issuer(tenant=tenant.upper()),
        "host in capitals": scene.issuer().replace(host, host.upper()),
        "host with a dot behind": scene.issuer().replace(host, host.replace(":", ".:")),
        "host that begins alike": scene.issuer().replace(host, host + ".evil.example"),
        "host that ends alike": scene.issuer().replace(host, "evil" + host),
        "host as a user's name": scene.issuer().replace(host, host + "@evil.example"),
        "host of cyrillic letters": scene.issuer().replace("o", "о"),
        "blank in front": " " + scene.issuer(),
        "blank behind": scene.issuer() + " ",
        "NUL behind": scene.issuer() + "\0",
        "query behind": scene.issuer() + "?x",
        "fragment behind": scene.issuer() + "#x",
        "dots in the path": f"{scene.authority}/{partner}/../{tenant}/v2.0",
        "percent": scene.issuer().replace("v2", "%762"),
        "two of them": f"{scene.issuer()} {scene.issuer()}",
        "the trap": f"{scene.trap}/{tenant}/v2.0",
    }.items():
        yield steps.refused(f"iss: {name}", WRONG_ISSUER, scene.sign(scene.v2(iss=issuer)))
    for name, value in {"empty": "", "null": None, "number": 7, "list": [scene.issuer()], "object": {}}.items():
        yield steps.refused(f"iss: {name}", MISSING, by_hand(scene.keys.main, scene.header(), scene.v2(iss=value)))
    yield steps.refused("no iss", MISSING, scene.sign(scene.v2(iss=ABSENT)))
    for api in ("tenant", "organizations"):
        mismatch = scene.sign(scene.v2(tid=partner))
        yield steps.refused(f"tid of another tenant than iss, {api}", WRONG_ISSUER, mismatch, api=api)
        mismatch = scene.sign(scene.v2(iss=scene.issuer(tenant=partner)))
        yield steps.refused(f"iss of another tenant than tid, {api}", WRONG_ISSUER, mismatch, api=api)
        template = scene.sign(scene.v2(iss=f"{scene.authority}/{{tenantid}}/v2.0"))
        yield steps.refused(f"iss is the template, {api}", WRONG_ISSUER, template, api=api)
    whole = scene.sign(scene.v2(tid=partner, iss=scene.issuer(tenant=partner)))
    yield steps.refused("iss and tid of another tenant, our key", "403 tenant_not_allowed", whole)
    yield steps.refused("a tenant that is not listed", "403 tenant_not_allowed", whole, api="organizations")
    consumers = scene.sign(scene.v2(tid=CONSUMERS, iss=scene.issuer(tenant=CONSUMERS)))
    yield steps.refused("personal accounts", "403 tenant_not_allowed", consumers, api="organizations")
    yield steps.refused("a real token of another tenant", "403 tenant_not_allowed", scene.genuine["partner_token"])
    yield steps.refused(
        "a real token of a tenant that is not listed",
        "403 tenant_not_allowed",
        scene.genuine["partner_token"],
        api="organizations",
    )

    for name, audience in {
        "v1.0 form": f"api://{scene.api}",
        "Graph": GRAPH,
        "Graph's address": "https://graph.microsoft.com",
        "another API": "5d1f6a52-3b0e-4c1c-9f6b-7f3f0b8f1a11",
        "the web page": scene.page,
        "longer": scene.api + "0",
        "shorter": scene.api[:-1],
        "prefix": "x" + scene.api,
        "in capitals": scene.api.upper(),
        "in braces": f"{{{scene.api}}}",
        "slash behind": scene.api + "/",
        "slash in front": "/" + scene.api,
        "blank behind": scene.api + " ",
        "two in one text": f"{scene.api} {GRAPH}",
        "two with a comma": f"{scene.api},{GRAPH}",
        "NUL behind": scene.api + "\0",
        "wildcard": "*",
        "address": f"https://{scene.api}",
        "issuer": scene.issuer(),
    }.items():
        yield steps.refused(f"aud: {name}", WRONG_AUDIENCE, scene.sign(scene.v2(aud=audience)))
    for name, value in {
        "list": [scene.api],
        "list with others": [GRAPH, scene.api],
        "empty list": [],
        "object": {scene.api: 1},
        "null": None,
        "number": 7,
        "empty": "",
    }.items():
        yield steps.refused(f"aud: {name}", MISSING, by_hand(scene.keys.main, scene.header(), scene.v2(aud=value)))
    yield steps.refused("no aud", MISSING, scene.sign(scene.v2(aud=ABSENT)))
    for name, audience in {
        "v2.0 form": scene.api,
        "slash behind": f"api://{scene.api}/",
        "scope behind": f"api://{scene.api}/Profile.Read",
        "in capitals": f"API://{scene.api}",
        "Graph": "https://graph.microsoft.com/",
        "another API": "api://5d1f6a52-3b0e-4c1c-9f6b-7f3f0b8f1a11",
    }.items():
        yield steps.refused(f"aud in v1.0: {name}", WRONG_AUDIENCE, scene.sign(scene.v1(aud=audience)))
    for name, issuer in {
        "v2.0": scene.issuer(),
        "no slash behind": scene.issuer("1.0").rstrip("/"),
        "sts.windows.net": f"https://sts.windows.net/{tenant}/",
        "another tenant's": scene.issuer("1.0", partner),
        "the template as it is": f"{scene.authority}/{{tenantid}}/",
    }.items():
        yield steps.refused(f"iss in v1.0: {name}", WRONG_ISSUER, scene.sign(scene.v1(iss=issuer)))

    # Claims of one version under the number of the other.
    yield steps.refused("v1.0 claims as 2.0", MISSING, scene.sign(scene.v1(ver="2.0")))
    yield steps.refused("v2.0 claims as 1.0", MISSING, scene.sign(scene.v2(ver="1.0")))
    yield steps.refused("v2.0 claims as 1.0, appid too", WRONG_AUDIENCE, scene.sign(scene.v2(ver="1.0", appid=scene.page)))
    for value in ("3.0", "2", "1", "2.0.0", "v2.0", " 2.0", "2,0", "2.0\0"):
        yield steps.refused(f"ver {value!r}", "401 unsupported_version", scene.sign(scene.v2(ver=value)))
    for value in ("", 2, 2.0, 1, None, ["2.0"]):
        yield steps.refused(f"ver {value!r}", MISSING, by_hand(scene.keys.main, scene.header(), scene.v2(ver=value)))
    yield steps.refused("no ver", MISSING, scene.sign(scene.v2(ver=ABSENT)))
