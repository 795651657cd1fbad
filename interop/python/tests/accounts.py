"""An account in a table, as the API writes it, and another writer of it."""

import base64
import json
import uuid

from shared_token_cache import ItemAddress, LocalKey, TokenStore

NOW = 1_800_000_000
CLIENT = "00000000-0000-4000-8000-00000000c11e"
OBJECT_ID = "00000000-0000-4000-8000-0000000000a1"
TENANT = "00000000-0000-4000-8000-0000000000b2"
HOME = f"{OBJECT_ID}.{TENANT}"
HOST = "login.windows.net"
USER_READ = "https://graph.microsoft.com/User.Read"
LOCAL_KEY = base64.b64encode(bytes(range(32))).decode()


class Clock:
    """Epoch seconds, moved by hand."""

    def __init__(self):
        self.now = float(NOW)

    def __call__(self):
        return self.now


def credential(kind, secret, **fields):
    return {
        "home_account_id": HOME, "environment": HOST, "client_id": CLIENT, "secret": secret, "credential_type": kind,
        "user_assertion_hash": HOME, "userAssertionHash": HOME, **fields,
    }  # fmt: skip


def access_token(secret, scopes=USER_READ, lives=3600, **fields):
    times = {"cached_at": str(NOW), "expires_on": str(NOW + lives), "extended_expires_on": str(NOW + lives)}
    return credential("AccessToken", secret, realm=TENANT, target=scopes, **{**times, **fields})


def refresh_token(secret, modified=NOW, **fields):
    return credential("RefreshToken", secret, last_modification_time=str(modified), **fields)


def cached(access_tokens=None, refresh_tokens=None, **sections):
    """A cache as the API writes it: keys do not matter to whoever reads it."""
    access_tokens = [access_token("at-1", obtained_for_assertion="session-1")] if access_tokens is None else access_tokens
    refresh_tokens = [refresh_token("rt-1")] if refresh_tokens is None else refresh_tokens
    account = {
        "home_account_id": HOME, "environment": HOST, "realm": TENANT, "local_account_id": OBJECT_ID,
        "authority_type": "MSSTS", "username": "ana@lakeside.example", "nickname": "kept too",
    }  # fmt: skip
    return {
        "AccessToken": {f"a{number}": one for number, one in enumerate(access_tokens)},
        "RefreshToken": {f"r{number}": one for number, one in enumerate(refresh_tokens)},
        "IdToken": {},
        "Account": {"account": account},
        "AppMetadata": {"app": {"client_id": CLIENT, "environment": HOST}},
        **sections,
    }


class Table:
    """The table as the API and the user's erasures leave it."""

    def __init__(self, dynamodb, name, sealer=None, account=HOME):
        self.dynamodb, self.name, self.account = dynamodb, name, account
        self.sealer = sealer or LocalKey(LOCAL_KEY)
        self.clock, self.waits = Clock(), []
        self.pk, self.sk = f"ACCOUNT#{account}", f"TOKENS#{CLIENT}"
        self.address = ItemAddress(name, self.pk, self.sk, CLIENT)

    def store(self, **options):
        options = {
            "dynamodb": self.dynamodb, "clock": self.clock, "wait": self.waits.append, "chance": lambda: 0.5, **options,
        }  # fmt: skip
        return TokenStore(self.name, CLIENT, self.sealer, **options)

    def put(self, cache, version=1, begun_at=NOW * 1000, ttl=NOW + 86_400):
        plaintext = cache if isinstance(cache, bytes) else json.dumps(cache).encode()
        self.put_blob(self.sealer.seal(self.address, plaintext), version, begun_at, ttl)

    def put_blob(self, blob, version=1, begun_at=NOW * 1000, ttl=NOW + 86_400):
        item = {"blob": {"B": blob}, "version": {"N": str(version)}, "ttl": {"N": str(ttl)}}
        if begun_at is not None:
            item["begun_at"] = {"N": str(begun_at)}
        self.dynamodb.put_item(TableName=self.name, Item={**self.key(), **item})

    def erase(self, erased_at, ttl=NOW + 86_400, delete=True):
        tombstone = {**self.key("TOMBSTONE"), "erased_at": {"N": str(erased_at)}, "ttl": {"N": str(ttl)}}
        self.dynamodb.put_item(TableName=self.name, Item=tombstone)
        if delete:
            self.delete()

    def delete(self):
        self.dynamodb.delete_item(TableName=self.name, Key=self.key())

    def key(self, sk=None):
        return {"pk": {"S": self.pk}, "sk": {"S": sk or self.sk}}

    def item(self):
        return self.dynamodb.get_item(TableName=self.name, Key=self.key(), ConsistentRead=True).get("Item")

    def version(self):
        return int(self.item()["version"]["N"])

    def cache(self):
        return json.loads(self.sealer.open(self.address, self.item()["blob"]["B"]))

    def refresh_tokens(self):
        return [one["secret"] for one in self.cache()["RefreshToken"].values()]

    def access_tokens(self):
        return sorted(one["secret"] for one in self.cache()["AccessToken"].values())


def redeem(cache, number, scopes=USER_READ, **answer):
    """What MSAL Python does to its cache when the authority answers to a refresh token."""
    (present, *others) = cache.search("RefreshToken", query={"client_id": CLIENT, "home_account_id": HOME})
    assert not others, "one refresh token per user and client"
    client_info = base64.urlsafe_b64encode(json.dumps({"uid": OBJECT_ID, "utid": TENANT}).encode()).decode()
    answer = {
        "access_token": f"at-{number}", "expires_in": 3600, "token_type": "Bearer", "client_info": client_info,
        "scope": f"openid profile {scopes}", **answer,
    }  # fmt: skip
    cache.add({
        "client_id": CLIENT, "scope": answer["scope"].split(), "grant_type": "refresh_token", "response": answer,
        "token_endpoint": f"https://{present['environment']}/{TENANT}/oauth2/v2.0/token", "data": {},
        "environment": present["environment"], "skip_account_creation": True,
    }, now=NOW)  # fmt: skip
    cache.update_rt(present, f"rt-{number}")
    return present["secret"]


def new_account():
    return f"{uuid.uuid4()}.{TENANT}"
