"""`scp`, `roles`, `idtyp`, `azp`, `appid`: what it permits, and to whom."""

from .. import steps
from ..scene import ABSENT
from ..signers import by_hand

MISSING = "401 missing_claim"
SCOPE = "403 insufficient_scope"
APP_ONLY = "403 app_only_token"
CLIENT = "403 client_not_allowed"


def refused(scene):
    main = scene.keys.main

    def odd(**changes):
        return by_hand(main, scene.header(), scene.v2(**changes))

    for name, value in {
        "more": "Profile.Read.All",
        "longer": "Profile.ReadX",
        "shorter": "Profile.Rea",
        "prefix": "My.Profile.Read",
        "in full": f"api://{scene.api}/Profile.Read",
        "Graph's": "User.Read",
        "of everything": ".default",
        "wildcard": "Profile.*",
        "comma": "Profile.Read,Profile.ReadWrite",
        "semicolon": "Profile.Read;",
        "quotes": '"Profile.Read"',
        "plus": "User.Read+Profile.Read",
        "NUL": "Profile.Read\0",
        "full stop of another script": "Profile\u3002Read",
        "cyrillic letter": "Pr\u043efile.Read",
        "dotless i": "Prof\u0131le.Read",
        "Kelvin sign": "Profile.Read\u212a",
        "no-break space": "User.Read\u00a0Profile.Read",
        "line break": "User.Read\nProfile.Read",
        "tabulator": "User.Read\tProfile.Read",
    }.items():
        yield steps.refused(f"scp: {name}", SCOPE, scene.sign(scene.v2(scp=value)))
    for name, value in {
        "empty": "",
        "list": ["Profile.Read", "Profile.ReadWrite"],
        "object": {"Profile.Read": True},
        "number": 7,
        "true": True,
        "null": None,
    }.items():
        yield steps.refused(f"scp: {name}", MISSING, odd(scp=value))
    yield steps.refused("scp: blanks", MISSING, odd(scp="   "))
    yield steps.refused("no scp", MISSING, scene.sign(scene.v2(scp=ABSENT)))
    yield steps.refused("scope instead of scp", MISSING, scene.sign(scene.v2(scp=ABSENT, scope="Profile.ReadWrite")))
    # RFC 9068 and other issuers' names for it.
    yield steps.refused("scopes instead of scp", MISSING, scene.sign(scene.v2(scp=ABSENT, scopes=["Profile.ReadWrite"])))

    service = scene.v2()["oid"]
    for name, changes in {
        "idtyp app": {"idtyp": "app"},
        "idtyp app without scp": {"idtyp": "app", "scp": ABSENT},
        "roles instead of scp": {"scp": ABSENT, "roles": ["Profile.ReadWrite"]},
        "subject is the service principal": {"scp": ABSENT, "sub": service},
        "subject is the service principal, roles": {"scp": ABSENT, "sub": service, "roles": ["Profile.Read"]},
    }.items():
        for api in ("tenant", "any_client"):
            yield steps.refused(f"application's own: {name}, {api}", APP_ONLY, scene.sign(scene.v2(**changes)), api=api)
    own = scene.genuine["app_only_token"]
    yield steps.refused("an application's own real token", APP_ONLY, own, api="any_client")
    for name, value in {"number": 7, "list": ["app"], "in capitals": "APP", "device": "device", "null": None}.items():
        yield steps.refused(f"idtyp: {name}", APP_ONLY, odd(idtyp=value))

    yield steps.refused("an id token", "401 id_token", scene.genuine["id_token"])
    id_token = scene.v2(aud=scene.api, scp=ABSENT, azp=ABSENT, nonce="n", name="Adele")
    yield steps.refused("an id token for the API itself", "401 id_token", scene.sign(id_token))

    yield steps.refused("a real token of another application", CLIENT, scene.genuine["other_page_token"])
    for name, value in {
        "another application": scene.other_page,
        "the API itself": scene.api,
        "Azure CLI": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    }.items():
        yield steps.refused(f"azp: {name}", CLIENT, scene.sign(scene.v2(azp=value)))
        yield steps.refused(f"appid in v1.0: {name}", CLIENT, scene.sign(scene.v1(appid=value)))
    for name, value in {
        "empty": "",
        "list": [scene.page],
        "list of two": [scene.other_page, scene.page],
        "object": {},
        "number": 7,
        "null": None,
        "no hyphens": scene.page.replace("-", ""),
        "zeros": "00000000-0000-0000-0000-000000000000",
        "blank behind": scene.page + " ",
        "longer": scene.page + "0",
        "wildcard": "*",
    }.items():
        yield steps.refused(f"azp: {name}", MISSING, odd(azp=value))
    yield steps.refused("no azp", MISSING, scene.sign(scene.v2(azp=ABSENT)))
    yield steps.refused("appid instead of azp", MISSING, scene.sign(scene.v2(azp=ABSENT, appid=scene.page)))
    yield steps.refused("azp instead of appid in v1.0", MISSING, scene.sign(scene.v1(appid=ABSENT, azp=scene.page)))
    yield steps.refused("client_id instead of azp", MISSING, scene.sign(scene.v2(azp=ABSENT, client_id=scene.page)))
    yield steps.refused("azp not allowed, appid is", CLIENT, scene.sign(scene.v2(azp=scene.other_page, appid=scene.page)))
    yield steps.refused(
        "azp and appid both not allowed", CLIENT, scene.sign(scene.v2(azp=scene.other_page, appid=scene.api))
    )
    yield steps.refused(
        "appid not allowed, azp is, in v1.0", CLIENT, scene.sign(scene.v1(appid=scene.other_page, azp=scene.page))
    )
