"""One silent token acquisition by MSAL Python on an account that the API cached, as a worker in Python would do it.

Everything comes from the environment; one JSON object goes to standard output. Exit status 1 when there is no token.
"""

import json
import os
import sys
import time

# The stack's clock may be ahead of the machine's: first of all, because others take the function as they are loaded.
OFFSET_SECONDS = int(os.environ.get("CLOCK_OFFSET_SECONDS") or 0)
machine_time = time.time
time.time = lambda: machine_time() + OFFSET_SECONDS

import boto3  # noqa: E402
import msal  # noqa: E402

from emulator import BASE, PlainHttp, profile  # noqa: E402
from shared_token_cache import CacheError, KmsKeys, LocalKey, TokenStore  # noqa: E402

ENVIRON = os.environ
SECURE = BASE.replace("http://", "https://", 1)


class NoToken(Exception):
    """MSAL's answer without a token; `code` is the first AADSTS number."""

    def __init__(self, answer):
        answer = answer or {"error": "no_tokens_found"}
        super().__init__(answer.get("error_description") or answer["error"])
        self.code = next(iter(answer.get("error_codes") or []), None)


def sealer(dynamodb):
    if ENVIRON.get("SEALING_KEY_ARN"):
        return KmsKeys(boto3.client("kms"), dynamodb, ENVIRON["TABLE_NAME"], ENVIRON["SEALING_KEY_ARN"])
    return LocalKey(ENVIRON["SEALING_LOCAL_KEY"])


def acquire():
    dynamodb = boto3.client("dynamodb")
    store = TokenStore(
        ENVIRON["TABLE_NAME"],
        ENVIRON["ENTRA_CLIENT_ID"],
        sealer(dynamodb),
        dynamodb=dynamodb,
        # MSAL Python leaves the port out of a host's name; the API, like MSAL Node, does not.
        environment=SECURE.split("://")[1].split(":")[0],
    )
    http = PlainHttp()
    with store.open(ENVIRON["ACCOUNT"]) as cache:
        client = msal.ConfidentialClientApplication(
            ENVIRON["ENTRA_CLIENT_ID"],
            client_credential=ENVIRON["ENTRA_CLIENT_SECRET"],
            authority=f"{SECURE}/{ENVIRON['ENTRA_TENANT_ID']}",
            instance_discovery=False,
            http_client=http,
            token_cache=cache,
        )
        (account,) = client.get_accounts()
        result = client.acquire_token_silent_with_error(
            ENVIRON["SCOPES"].split(), account=account, force_refresh=ENVIRON.get("FORCE_REFRESH") == "1"
        )
    if not result or "access_token" not in result:
        raise NoToken(result)
    return {
        "library": f"MSAL Python {msal.__version__}",
        "source": "cache" if result["token_source"] == "cache" else "network",
        "tokenRequests": len(http.posted_grants),
        "metadataRequests": http.gets,
        "username": account["username"],
        "graphUser": graph_user(result["access_token"]) if "User.Read" in ENVIRON["SCOPES"] else None,
        "written": cache.written,
    }


def graph_user(access_token):
    answer = profile(access_token)
    answer.raise_for_status()
    return answer.json()["userPrincipalName"]


def main():
    try:
        print(json.dumps(acquire()))
    except CacheError as error:
        print(json.dumps({"error": str(error), "code": type(error).__name__}))
        return 1
    except NoToken as error:
        print(json.dumps({"error": str(error), "code": error.code}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
