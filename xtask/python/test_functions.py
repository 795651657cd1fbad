"""Both functions as they are deployed: the release programs under `cargo lambda watch`, called by `cargo lambda invoke`.

Needs STACK_EMULATOR_URL, AWS_ENDPOINT_URL_DYNAMODB and TABLE_NAME of an existing table.
"""

import json
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from running import FUNCTIONS, from_queue, lambda_host, request, scheduled_event
from translated import ROOT

sys.path.insert(0, str(ROOT / "local/e2e/python"))

from emulator import ADELE, API, API_SECRET, BASE, BRUNO, SPA, TENANT, revoke, sign_in  # noqa: E402

READ_WRITE = f"api://{API}/Profile.ReadWrite"

SETTINGS = {
    "ENTRA_AUTHORITY_HOST": BASE,
    "ENTRA_TENANT_ID": TENANT,
    "ENTRA_CLIENT_ID": API,
    "ENTRA_CLIENT_SECRET": API_SECRET,
    "ENTRA_ALLOWED_CLIENTS": SPA,
    "GRAPH_BASE_URL": f"{BASE}/graph/v1.0",
    "SEALING_LOCAL_KEY": "A" * 43 + "=",
    # What SAM passes for an empty parameter.
    "ENTRA_CLIENT_SECRET_ARN": "",
    "EVENT_BUS_NAME": "",
    "AWS_ENDPOINT_URL_EVENTBRIDGE": "",
}


@pytest.fixture(scope="module")
def invoke():
    """Invokes a function by name with an event; gives its answer."""
    with lambda_host() as host, ExitStack() as running:
        for name in FUNCTIONS:
            running.enter_context(host.program(name, SETTINGS))
        yield host.invoke


def test_health_needs_no_token(invoke):
    answer = invoke("profile-api", request("GET", "/api/health"))
    assert answer["statusCode"] == 200
    assert "version" in json.loads(answer["body"])


def test_no_token_is_refused_with_the_reason(invoke):
    answer = invoke("profile-api", request("GET", "/api/profile"))
    assert answer["statusCode"] == 401
    assert answer["headers"]["content-type"].startswith("application/problem+json")
    assert answer["headers"]["www-authenticate"].startswith("Bearer")
    assert json.loads(answer["body"])["code"]


def test_the_profile_comes_from_graph_and_the_sweep_goes_on_alone(invoke):
    answer = invoke("profile-api", request("GET", "/api/profile", sign_in(ADELE, READ_WRITE)))
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["userPrincipalName"] == ADELE

    swept = invoke("background-sweep", {"account": ADELE})
    (turn,) = swept["turns"]
    assert turn["outcome"] in ("acted", "unchanged"), swept


def test_a_revoked_user_is_parked_with_the_reason(invoke):
    token = sign_in(BRUNO, READ_WRITE)
    assert invoke("profile-api", request("GET", "/api/profile", token))["statusCode"] == 200
    revoke(BRUNO)
    (turn,) = invoke("background-sweep", {"account": BRUNO})["turns"]
    assert turn["outcome"] == "needs_user", turn
    assert turn["failureClass"] == "user_needed"
    assert turn["code"] or turn["reason"], turn


def test_the_schedule_s_event_is_answered_with_a_summary(invoke):
    answer = invoke("background-sweep", scheduled_event())
    assert set(answer) >= {"outcomes", "stoppedEarly"}, answer


def test_tasks_of_the_queue_are_answered_record_by_record(invoke):
    detail = {"shard": "v1#00", "tick": "now", "asOf": int(time.time()), "cursor": None, "hop": 0}
    task = {**scheduled_event(), "source": "shared-token-cache", "detail-type": "SweepShard", "detail": detail}
    unknown_shard = {**task, "detail": {**detail, "shard": "v9#00"}}
    bodies = [json.dumps(task), json.dumps(unknown_shard), "not JSON"]
    answer = invoke("background-sweep", from_queue(bodies))
    assert answer == {"batchItemFailures": []}, "none of them would work another time"


def test_an_unknown_event_says_what_was_expected(invoke):
    with pytest.raises(subprocess.CalledProcessError):
        invoke("background-sweep", {"hello": "world"})
