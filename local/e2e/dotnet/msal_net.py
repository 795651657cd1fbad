"""MSAL.NET in this process: the .NET runtime, the library, and how its tasks and errors look from Python."""

import importlib.util
import os
from pathlib import Path

# Names and texts are all plain; without this the runtime looks for a library of every language on the machine.
os.environ.setdefault("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")

from pythonnet import load  # noqa: E402


def folder_of(package, *parts):
    """A folder inside an installed package, which is not imported: only its files are wanted."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"expected the package {package}; README.md beside this file says how to install it")
    return Path(next(iter(spec.submodule_search_locations)), *parts)


RUNTIME = folder_of("dnv", "net", "runtime")
load("coreclr", runtime_config=str(RUNTIME / "runtimeconfig.json"), dotnet_root=str(RUNTIME / ".net"))

import clr  # noqa: E402

LIBRARY = Path(os.environ.get("MSAL_NET_FOLDER") or folder_of("sempy", "lib"))
for assembly in ("Microsoft.IdentityModel.Abstractions", "Microsoft.Identity.Client"):  # The second needs the first.
    clr.AddReference(str(LIBRARY / f"{assembly}.dll"))

import Microsoft.Identity.Client as client  # noqa: E402
import System  # noqa: E402

VERSION = System.Diagnostics.FileVersionInfo.GetVersionInfo(
    str(LIBRARY / "Microsoft.Identity.Client.dll")
).ProductVersion.split("+")[0]


def wait_for(task):
    """The task's result. Waiting leaves Python to the callbacks, which run on the runtime's own threads."""
    return task.GetAwaiter().GetResult()


class HttpClientFactory(client.IMsalHttpClientFactory):
    """Clients that take the certificate that the front door made for itself a moment ago."""

    __namespace__ = "SharedTokenCache.Interop"

    def GetHttpClient(self):  # noqa: N802: the interface names it
        handler = System.Net.Http.HttpClientHandler()
        handler.UseProxy = False
        handler.ServerCertificateCustomValidationCallback = (
            System.Net.Http.HttpClientHandler.DangerousAcceptAnyServerCertificateValidator
        )
        return System.Net.Http.HttpClient(handler)


def acquire_token_silent(application, scopes, account):
    """`AcquireTokenSilent(scopes, account)`. Of its two forms Python would take the one with a login hint."""
    parameters = System.Array[System.Type](
        [clr.GetClrType(System.Collections.Generic.IEnumerable[System.String]), clr.GetClrType(client.IAccount)]
    )
    method = clr.GetClrType(client.IClientApplicationBase).GetMethod("AcquireTokenSilent", parameters)
    return method.Invoke(application, System.Array[System.Object]([scopes, account]))
