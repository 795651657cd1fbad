"""The functions as they are deployed: programs under `cargo lambda watch`, called by `cargo lambda invoke`."""

import json
import os
import random
import socket
import subprocess
import time
from contextlib import contextmanager, suppress

from translated import ROOT

START_SECONDS = 60
FUNCTIONS = ("profile-api", "background-sweep")

# What the stacks of the tests have in common with Lambda.
RUNTIME = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
}


def free_port():
    """One below those that systems hand out by themselves, so that no connection made meanwhile takes it."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("expected a free port from 20000 to 32000, tried 100 and got none")


def waits_for(ready, process, seconds=START_SECONDS / 5):
    """Whether something comes about that a process does, before it ends and in this time."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def wait_until(ready, what):
    """Waits for something that another process does, a minute at most."""
    end = time.monotonic() + START_SECONDS
    while not ready():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Host:
    """Lambda's two sides on one port: programs take events there, callers put them there."""

    def __init__(self, port):
        self.port = port

    @contextmanager
    def program(self, function, settings, name=None):
        """Runs the program of a function, under another name if there are several of it."""
        name = name or function
        program = ROOT / "target/lambda" / function / "bootstrap"
        runtime = {"AWS_LAMBDA_FUNCTION_NAME": name, "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{self.port}/.rt/{name}"}
        process = subprocess.Popen([program], env={**os.environ, **RUNTIME, **settings, **runtime})
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)

    def invoke(self, name, event):
        answer = subprocess.run(
            ["cargo", "lambda", "invoke", name, "--invoke-address", "127.0.0.1", "--invoke-port", str(self.port),
             "--data-ascii", json.dumps(event), "--output-format", "json"],
            cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=START_SECONDS,
        )  # fmt: skip
        return json.loads(answer.stdout)


@contextmanager
def lambda_host():
    port = free_port()
    watch = subprocess.Popen(
        ["cargo", "lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1", "--invoke-port", str(port)],
        cwd=ROOT,
    )
    try:
        assert waits_for(lambda: listens(port), watch, START_SECONDS), f"nothing listens on port {port}"
        yield Host(port)
    finally:
        watch.terminate()
        watch.wait(timeout=START_SECONDS)


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


def scheduled_event(at="2026-11-22T12:00:00Z"):
    return {
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "123456789012", "time": at, "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/tick"], "detail": {},
    }  # fmt: skip


def from_queue(bodies):
    """An event of the poller of a queue."""
    return {"Records": [
        {"messageId": f"message-{at}", "receiptHandle": "handle", "body": body, "attributes": {}, "messageAttributes": {},
         "eventSource": "aws:sqs", "awsRegion": "us-east-1", "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:tasks"}
        for at, body in enumerate(bodies)
    ]}  # fmt: skip
