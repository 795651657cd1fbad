"""MSAL Python with a serialised cache, as its documentation has it (`SerializableTokenCache`): one client per request, one cache entry
per partition key. For On-Behalf-Of the key is the hash of the incoming token, as MSAL's documentation says for all languages. What the
client finds out about its authority is kept for the life of the process (`http_cache`), so that no request asks for it."""

import hashlib
import os

import msal
import requests
from requests.adapters import HTTPAdapter

import table

HOST = os.environ["ENTRA_AUTHORITY_HOST"]
TENANT = os.environ["ENTRA_TENANT_ID"]
CLIENT_ID = os.environ["ENTRA_CLIENT_ID"]
SECURE = HOST.replace("http://", "https://", 1)
SCOPES = ["https://graph.microsoft.com/User.Read"]
TIMEOUT_SECONDS = 10

session = requests.Session()
session.mount("http://", HTTPAdapter(pool_maxsize=256))
http_cache = {}


class Answer:
    """The parts of an HTTP answer that MSAL reads."""

    def __init__(self, answer):
        self.status_code = answer.status_code
        self.headers = answer.headers
        self.text = answer.text.replace(HOST, SECURE)

    def raise_for_status(self):
        if self.status_code >= 400:
            raise requests.HTTPError(f"{self.status_code}: {self.text}")


class PlainHttp:
    """MSAL insists on https authorities, and the emulator speaks http: its addresses are spelled so for MSAL alone."""

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def post(self, url, **options):
        return self.request("POST", url, **options)

    def request(self, method, url, **options):
        return Answer(session.request(method, url.replace(SECURE, HOST, 1), timeout=TIMEOUT_SECONDS, **options))

    def close(self):
        pass


class Cached:
    """A client on the cache entry of one partition key; `save` writes it back if it has changed."""

    def __init__(self, key):
        self.key = key
        self.cache = msal.SerializableTokenCache()
        stored = table.load_cache(key)
        if stored:
            self.cache.deserialize(stored)
        self.client = msal.ConfidentialClientApplication(
            CLIENT_ID,
            client_credential=os.environ["ENTRA_CLIENT_SECRET"],
            authority=f"{SECURE}/{TENANT}",
            instance_discovery=False,
            token_cache=self.cache,
            http_client=PlainHttp(),
            http_cache=http_cache,
        )

    def silently(self):
        accounts = self.client.get_accounts()
        return self.client.acquire_token_silent(SCOPES, account=accounts[0]) if accounts else None

    def save(self):
        if self.cache.has_state_changed:
            table.store_cache(self.key, self.cache.serialize())


def checked(result):
    if not result or "access_token" not in result:
        raise RuntimeError((result or {}).get("error_description", "nothing is cached for the account"))
    return result["access_token"], result["token_source"] == "cache"


def on_behalf_of(assertion):
    """A Graph token for the user of this token, whether it was cached, and where it lies."""
    key = hashlib.sha256(assertion.encode()).hexdigest()
    cached = Cached(key)
    # acquire_token_on_behalf_of never looks into the cache; this does.
    result = cached.silently() or cached.client.acquire_token_on_behalf_of(assertion, SCOPES)
    cached.save()
    return *checked(result), key


def silently(key):
    """A Graph token for a user who is away, and whether it was cached."""
    cached = Cached(key)
    result = cached.silently()
    cached.save()
    return checked(result)
