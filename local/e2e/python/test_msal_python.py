"""MSAL Python as a client of the emulator: what passes here is Entra ID as Microsoft's own library understands it."""

import msal
import pytest

from emulator import ADELE, API, BRUNO, PlainHttp, confidential_client, profile, revoke, sign_in

GRAPH = ["https://graph.microsoft.com/User.Read"]
OBO = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def on_behalf_of(client, user):
    result = client.acquire_token_on_behalf_of(sign_in(user), GRAPH)
    assert "access_token" in result, result
    return result


def test_on_behalf_of_gives_a_graph_token_of_that_user():
    result = on_behalf_of(confidential_client(), ADELE)
    assert result["token_type"] == "Bearer"
    assert result["expires_in"] > 300
    me = profile(result["access_token"])
    assert me.status_code == 200, me.text
    assert me.json()["userPrincipalName"] == ADELE


def test_the_cached_token_is_served_and_then_the_refresh_token_redeemed():
    http = PlainHttp()
    client = confidential_client(http)
    first = on_behalf_of(client, ADELE)
    (account,) = client.get_accounts()
    assert account["username"] == ADELE
    assert http.posted_grants == [OBO]

    cached = client.acquire_token_silent(GRAPH, account=account)
    assert cached["access_token"] == first["access_token"]
    assert http.posted_grants == [OBO], "a cached token needs no request"

    refreshed = client.acquire_token_silent(GRAPH, account=account, force_refresh=True)
    assert http.posted_grants == [OBO, "refresh_token"]
    assert refreshed["access_token"] != first["access_token"]
    assert profile(refreshed["access_token"]).json()["userPrincipalName"] == ADELE


def test_another_process_goes_on_from_the_serialised_cache():
    cache = msal.SerializableTokenCache()
    on_behalf_of(confidential_client(cache=cache), ADELE)

    loaded = msal.SerializableTokenCache()
    loaded.deserialize(cache.serialize())
    worker = confidential_client(cache=loaded)
    (account,) = worker.get_accounts()
    result = worker.acquire_token_silent(GRAPH, account=account, force_refresh=True)
    assert profile(result["access_token"]).json()["userPrincipalName"] == ADELE


def test_a_revoked_user_must_sign_in_again():
    client = confidential_client()
    on_behalf_of(client, BRUNO)
    (account,) = client.get_accounts()
    revoke(BRUNO)
    refused = client.acquire_token_silent_with_error(GRAPH, account=account, force_refresh=True)
    assert refused["error"] == "invalid_grant"
    assert 50173 in refused["error_codes"]
    on_behalf_of(client, BRUNO)


@pytest.mark.parametrize(
    ("assertion", "code"),
    [("not-a-token", 50027), (None, 500131)],
    ids=["no token at all", "a token for another audience"],
)
def test_an_assertion_that_is_not_for_the_api_is_refused(assertion, code):
    client = confidential_client()
    if assertion is None:
        assertion = on_behalf_of(client, ADELE)["access_token"]
    result = client.acquire_token_on_behalf_of(assertion, GRAPH)
    assert result["error"] in ("invalid_grant", "invalid_request"), result
    assert code in result["error_codes"], result


def test_a_wrong_secret_is_our_own_fault():
    client = msal.ConfidentialClientApplication(
        API, client_credential="wrong", authority=confidential_client().authority.token_endpoint.split("/oauth2")[0],
        instance_discovery=False, http_client=PlainHttp(),
    )  # fmt: skip
    result = client.acquire_token_on_behalf_of(sign_in(ADELE), GRAPH)
    assert result["error"] == "invalid_client"
    assert 7000215 in result["error_codes"]
