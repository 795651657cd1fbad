"""Both functions in containers, as `sam local` runs them on a developer's machine, against a local stack.

Needs STACK_EMULATOR_URL, SAM_ENV_VARS (the env.json of that stack), SAM_INVOKE_IMAGE, and what `sam build` made.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from running import free_port
from translated import ROOT

sys.path.insert(0, str(ROOT / "local/e2e/python"))

from emulator import ADELE, API, sign_in  # noqa: E402

READ_WRITE = f"api://{API}/Profile.ReadWrite"
START_SECONDS = 120
# As docs/local-stack.md says, but for the place of the settings and the image.
OPTIONS = [
    "--config-env", "local", "--env-vars", os.environ["SAM_ENV_VARS"],
    "--invoke-image", os.environ["SAM_INVOKE_IMAGE"], "--skip-pull-image",
]  # fmt: skip


@pytest.fixture(scope="module")
def api():
    port = free_port()
    server = subprocess.Popen(["sam", "local", "start-api", *OPTIONS, "--port", str(port)], cwd=ROOT)
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            assert server.poll() is None, "sam local start-api has ended"
            assert time.monotonic() < end, "sam local start-api does not listen"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        # It ignores INT when it was started by a script.
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=START_SECONDS)


def get(url, token=None):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.load(error)


def test_health_is_answered_from_a_container(api):
    status, _, body = get(f"{api}/api/health")
    assert status == 200
    assert body["version"]


def test_a_request_without_a_token_is_challenged(api):
    status, headers, body = get(f"{api}/api/profile")
    assert (status, body["code"]) == (401, "missing_token")
    assert headers["www-authenticate"].startswith("Bearer")


def test_a_signed_in_user_gets_their_profile_and_the_sweep_goes_on_for_them(api):
    status, _, body = get(f"{api}/api/profile", sign_in(ADELE, READ_WRITE))
    assert status == 200, body
    assert body["userPrincipalName"] == ADELE
    assert body["employeeId"], "it comes from Graph"

    event = json.dumps({"account": ADELE})
    invoked = subprocess.run(
        ["sam", "local", "invoke", "BackgroundSweepFunction", *OPTIONS, "--event", "-"],
        cwd=ROOT, input=event, stdout=subprocess.PIPE, text=True, check=True, timeout=START_SECONDS,
    )  # fmt: skip
    (turn,) = json.loads(invoked.stdout.strip().splitlines()[-1])["turns"]
    assert turn["outcome"] in ("acted", "unchanged"), turn
