"""Both functions as they are deployed: the release programs under `cargo lambda watch`, called by `cargo lambda invoke`.

Needs STACK_EMULATOR_URL, AWS_ENDPOINT_URL_DYNAMODB and TABLE_NAME of an existing table.
"""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from translated import ROOT

sys.path.insert(0, str(ROOT / "local/e2e/python"))

from emulator import ADELE, API, API_SECRET, BASE, BRUNO, SPA, TENANT, revoke, sign_in  # noqa: E402

READ_WRITE = f"api://{API}/Profile.ReadWrite"
START_SECONDS = 60
FUNCTIONS = ("profile-api", "background-sweep")

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
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "cargo lambda watch has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")


@pytest.fixture(scope="module")
def invoke():
    """Invokes a function by name with an event; gives its answer."""
    port = free_port()
    watch = subprocess.Popen(
        ["cargo", "lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1", "--invoke-port", str(port)],
        cwd=ROOT,
    )
    running = [watch]
    try:
        wait_for(port, watch)
        for name in FUNCTIONS:
            program = ROOT / "target/lambda" / name / "bootstrap"
            runtime = {"AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{port}/.rt/{name}"}
            running.append(subprocess.Popen([program], env={**os.environ, **SETTINGS, **runtime}))

        def call(name, event):
            answer = subprocess.run(
                ["cargo", "lambda", "invoke", name, "--invoke-address", "127.0.0.1", "--invoke-port", str(port),
                 "--data-ascii", json.dumps(event), "--output-format", "json"],
                cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=START_SECONDS,
            )  # fmt: skip
            return json.loads(answer.stdout)

        yield call
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(timeout=START_SECONDS)


def request(method, path, token=None):
    """An HTTP API event, payload format 2.0."""
    headers = {"host": "api.example", "accept": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api.example",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "request-1",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "22/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795348800000,
        },
        "isBase64Encoded": False,
    }


def scheduled_event():
    return {
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "123456789012", "time": "2026-11-22T12:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/tick"], "detail": {},
    }  # fmt: skip


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
    def record(number, body):
        return {"messageId": f"message-{number}", "receiptHandle": "handle", "body": body, "attributes": {},
                "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:tasks"}  # fmt: skip

    detail = {"shard": "v1#00", "tick": "now", "asOf": int(time.time()), "cursor": None, "hop": 0}
    task = {**scheduled_event(), "source": "shared-token-cache", "detail-type": "SweepShard", "detail": detail}
    unknown_shard = {**task, "detail": {**detail, "shard": "v9#00"}}
    bodies = [json.dumps(task), json.dumps(unknown_shard), "not JSON"]
    answer = invoke("background-sweep", {"Records": [record(at, body) for at, body in enumerate(bodies)]})
    assert answer == {"batchItemFailures": []}, "none of them would work another time"


def test_an_unknown_event_says_what_was_expected(invoke):
    with pytest.raises(subprocess.CalledProcessError):
        invoke("background-sweep", {"hello": "world"})
