"""One silent token acquisition by MSAL.NET on an account that the API cached, as a worker in .NET would do it.

Everything comes from the environment; one JSON object goes to standard output. Exit status 1 when there is no token.
`MSAL_NET_API` names the way: `silent` (AcquireTokenSilent) or `long-running` (AcquireTokenInLongRunningProcess).
README.md beside this file says what must be installed.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

ENVIRON = os.environ
OFFSET_SECONDS = int(ENVIRON.get("CLOCK_OFFSET_SECONDS") or 0)


def at_the_stacks_time():
    """Starts this program again under the clock of the stack, which .NET takes from the C library."""
    if OFFSET_SECONDS == 0 or "FAKETIME" in ENVIRON:
        return
    spec = importlib.util.find_spec("libfaketime")
    if spec is None:
        raise SystemExit("expected the package libfaketime; README.md beside this file says how to install it")
    (library,) = Path(next(iter(spec.submodule_search_locations))).rglob("libfaketime.so.1")
    # Waits go by the monotonic clock, which stays as it is.
    clock = {"LD_PRELOAD": str(library), "FAKETIME": f"{OFFSET_SECONDS:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    os.execve(sys.executable, [sys.executable, *sys.argv], {**ENVIRON, **clock})


at_the_stacks_time()

from emulator import BASE, profile  # noqa: E402
from front_door import FrontDoor  # noqa: E402
from item import TokenItem  # noqa: E402
from msal_net import VERSION, HttpClientFactory, System, acquire_token_silent, client, wait_for  # noqa: E402
from shared_token_cache import CacheError  # noqa: E402


class Worker:
    def __init__(self, door, item):
        self._item = item
        self.written = False
        tenant = ENVIRON["ENTRA_TENANT_ID"]
        self._application = (
            client.ConfidentialClientApplicationBuilder.Create(ENVIRON["ENTRA_CLIENT_ID"])
            .WithClientSecret(ENVIRON["ENTRA_CLIENT_SECRET"])
            .WithAuthority(f"{door.url}/{tenant}", False)
            .WithInstanceDiscoveryMetadata(host_names(door))
            .WithHttpClientFactory(HttpClientFactory())
            # ADAL, which nobody shares this cache with, would have no use for a host with a port.
            .WithLegacyCacheCompatibility(False)
            .Build()
        )
        cache = self._application.UserTokenCache
        cache.SetBeforeAccess(client.TokenCacheCallback(self._before_access))
        cache.SetAfterAccess(client.TokenCacheCallback(self._after_access))

    def _before_access(self, access):
        access.TokenCache.DeserializeMsalV3(System.Array[System.Byte](self._item.cache), True)

    def _after_access(self, access):
        if access.HasStateChanged:
            self._item.write(bytes(access.TokenCache.SerializeMsalV3()))
            self.written = True

    def silent(self, scopes, force_refresh):
        account = wait_for(self._application.GetAccountAsync(self._item.home_account_id))
        if account is None:
            raise LookupError("no_account_found: MSAL.NET sees no account of this user in the cache")
        request = acquire_token_silent(self._application, scopes, account)
        return wait_for(request.WithForceRefresh(force_refresh).ExecuteAsync())

    def long_running(self, scopes, force_refresh):
        application = client.ILongRunningWebApi(self._application)
        request = application.AcquireTokenInLongRunningProcess(scopes, self._item.home_account_id)
        return wait_for(request.WithForceRefresh(force_refresh).ExecuteAsync())


def host_names(door):
    """The authority's host by the front door's name, and by the one that the product's entries carry.

    In a cloud that Microsoft runs MSAL.NET knows the names by itself, and nothing of this is needed."""
    asked, cached = urlsplit(door.url).hostname, urlsplit(BASE).netloc
    entry = {"preferred_network": asked, "preferred_cache": cached, "aliases": [asked, cached]}
    return json.dumps({"api-version": "1.1", "metadata": [entry]})


def acquire():
    item = TokenItem(ENVIRON["ACCOUNT"])
    api = ENVIRON.get("MSAL_NET_API") or "long-running"
    scopes = System.Array[System.String](ENVIRON["SCOPES"].split())
    with FrontDoor(BASE) as door:
        worker = Worker(door, item)
        way = {"silent": worker.silent, "long-running": worker.long_running}[api]
        result = way(scopes, ENVIRON.get("FORCE_REFRESH") == "1")
    return {
        "library": f"MSAL.NET {VERSION}",
        "source": "cache" if str(result.AuthenticationResultMetadata.TokenSource) == "Cache" else "network",
        "tokenRequests": door.token_requests,
        "metadataRequests": door.metadata_requests,
        "username": result.Account.Username if result.Account else None,
        "graphUser": graph_user(result.AccessToken) if "User.Read" in ENVIRON["SCOPES"] else None,
        "written": worker.written,
    }


def graph_user(access_token):
    answer = profile(access_token)
    answer.raise_for_status()
    return answer.json()["userPrincipalName"]


def main():
    try:
        print(json.dumps(acquire()))
    except (CacheError, LookupError) as error:
        print(json.dumps({"error": str(error), "code": type(error).__name__}))
        return 1
    except client.MsalException as error:
        print(json.dumps({"error": error.Message, "code": error.ErrorCode}))
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Taking down the bridge to .NET in good order would last longer than all that went before.
    os._exit(status)
