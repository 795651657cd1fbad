"""The emulator as a client sees it: the sample app registrations, a sign-in over plain HTTP, MSAL Python set up for it."""

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import msal
import requests

BASE = os.environ["STACK_EMULATOR_URL"].rstrip("/")

TENANT = "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40"
API = "0e5c3b7d-92a1-4f86-b3c4-5d6e7f809a1b"
API_SECRET = "local-only-secret-of-the-sample-api"
SPA = "c41f8e26-7b3d-45a9-8e10-2f9b6d4c7a53"
ADELE = "adele@lakeside.example"
BRUNO = "bruno@lakeside.example"

TIMEOUT_SECONDS = 30


def sign_in(user, scope=f"api://{API}/Profile.Read"):
    """The access token that the web page would get for `user`: authorization code with PKCE."""
    redirect = "http://localhost/"
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    answer = requests.post(
        f"{BASE}/{TENANT}/oauth2/v2.0/authorize",
        params={
            "client_id": SPA, "redirect_uri": redirect, "response_type": "code", "response_mode": "query",
            "scope": f"openid profile offline_access {scope}", "state": "state-of-the-page",
            "code_challenge": challenge, "code_challenge_method": "S256",
        },
        data={"user": user}, allow_redirects=False, timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["state"] == ["state-of-the-page"]
    token = requests.post(
        f"{BASE}/{TENANT}/oauth2/v2.0/token",
        data={
            "client_id": SPA, "grant_type": "authorization_code", "code": query["code"][0], "redirect_uri": redirect,
            "code_verifier": verifier, "scope": scope,
        },
        # Codes of a single-page application are redeemed by a browser only, which sends its origin.
        headers={"Origin": "http://localhost"}, timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    assert token.status_code == 200, token.text
    return token.json()["access_token"]


def revoke(user):
    """What an administrator's "revoke sessions" does."""
    answer = requests.post(f"{BASE}/emulator/api/users/{user}/revoke", json={}, timeout=TIMEOUT_SECONDS)
    assert answer.ok, answer.text


def profile(graph_token):
    """Graph's answer to GET /me."""
    return requests.get(
        f"{BASE}/graph/v1.0/me", headers={"Authorization": f"Bearer {graph_token}"}, timeout=TIMEOUT_SECONDS
    )


@dataclass
class Response:
    """The parts of an HTTP answer that MSAL reads."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self):
        if self.status_code >= 400:
            raise requests.HTTPError(f"{self.status_code}: {self.text}")


class PlainHttp:
    """MSAL insists on https authorities; the emulator speaks http. Stands between them and keeps count."""

    def __init__(self):
        self.posted_grants = []
        self.gets = 0

    def get(self, url, **options):
        self.gets += 1
        return self._request("GET", url, **options)

    def post(self, url, data=None, **options):
        self.posted_grants.append((data or {}).get("grant_type"))
        return self._request("POST", url, data=data, **options)

    def close(self):
        pass

    @staticmethod
    def _request(method, url, **options):
        secure = BASE.replace("http://", "https://", 1)
        assert url.startswith(secure), f"MSAL called {url}, which is not the emulator"
        answer = requests.request(method, url.replace(secure, BASE, 1), timeout=TIMEOUT_SECONDS, **options)
        # The metadata names the emulator's own addresses, which MSAL would refuse.
        return Response(answer.status_code, answer.text.replace(BASE, secure), answer.headers)


def confidential_client(http=None, cache=None):
    """The API as an MSAL client, as a worker in Python would make it."""
    secure = BASE.replace("http://", "https://", 1)
    return msal.ConfidentialClientApplication(
        API,
        client_credential=API_SECRET,
        authority=f"{secure}/{TENANT}",
        instance_discovery=False,
        http_client=http or PlainHttp(),
        token_cache=cache,
    )
