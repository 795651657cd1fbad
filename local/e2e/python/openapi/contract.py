"""The running API against `openapi.yaml`: schemathesis with all its checks, and requests that no HTTP client would send.

Needs STACK_API_URL and STACK_EMULATOR_URL. Run with `cargo xtask test --only schemathesis`.
"""

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import requests

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from emulator import ADELE, API, BRUNO, TIMEOUT_SECONDS, sign_in  # noqa: E402

BASE = os.environ["STACK_API_URL"].rstrip("/")
SEED = "1"
EXAMPLES = "25"
# Bounds a run that hangs; one takes some seconds.
RUN_SECONDS = 120


@pytest.fixture(scope="module")
def contract():
    answer = requests.get(f"{BASE}/api/openapi.json", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200
    return answer.json()


CALLERS = {
    "who reads and writes": lambda: sign_in(ADELE, f"api://{API}/Profile.ReadWrite"),
    "who only reads": lambda: sign_in(BRUNO, f"api://{API}/Profile.Read"),
    "with a bad token": lambda: "not.a.token",
    "without a token": None,
}


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS.keys())
def test_schemathesis_finds_nothing_as_a_caller(caller, tmp_path):
    command = [
        Path(sys.executable).with_name("st"), "run", f"{BASE}/api/openapi.json", "--url", BASE,
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure",
        "--seed", SEED, "--generation-database", "none", "--max-examples", EXAMPLES,
        "--request-timeout", str(TIMEOUT_SECONDS), "--no-color",
    ]  # fmt: skip
    if caller:
        command += ["--header", f"Authorization: Bearer {caller()}"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    status, output = output_of(command, tmp_path, environment)
    print(output)
    assert status == 0, "schemathesis found something, or could not run"
    generated = re.search(r"(\d+) generated", output)
    assert generated and int(generated[1]) > 100, "it must have tried more than a handful"


def output_of(command, folder, environment):
    """Apart from the test, so that a failure does not show the token."""
    run = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=RUN_SECONDS,
    )  # fmt: skip
    return run.returncode, run.stdout


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def send(raw):
    """Sends bytes as they are and reads the one answer."""
    url = urlsplit(BASE)
    with socket.create_connection((url.hostname, url.port), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(raw)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert len(headers) == len(lines), f"a header is there twice: {lines}"
    return Answer(int(status.split()[1]), headers, body)


def request(method="GET", target="/api/profile", token=None, headers=(), body=b""):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {urlsplit(BASE).netloc}", "Connection: close", *headers]
    if token:
        lines.append(f"Authorization: {token}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


NOT_FOUND = (404, "unknown_route")
WRONG_METHOD = (405, "wrong_method")
REFUSED = (401, "malformed_token")
MISSING = (401, "missing_token")
GOOD = (200, None)

# Name, request as arguments of `request`, and the status and code that it must get.
ODD = [
    ("TRACE", {"method": "TRACE"}, WRONG_METHOD),
    ("OPTIONS that is no preflight", {"method": "OPTIONS"}, GOOD),
    ("OPTIONS for the server", {"method": "OPTIONS", "target": "*"}, GOOD),
    ("an unknown method", {"method": "BREW"}, WRONG_METHOD),
    ("a method in small letters", {"method": "get"}, WRONG_METHOD),
    ("POST with a form", {"method": "POST", "headers": ["Content-Length: 3", "Content-Type: application/x-www-form-urlencoded"], "body": b"a=b"}, WRONG_METHOD),
    ("POST that wants to be a DELETE", {"method": "POST", "target": "/api/background-access", "headers": ["X-HTTP-Method-Override: DELETE", "Content-Length: 0"]}, WRONG_METHOD),
    ("HEAD", {"method": "HEAD", "target": "/api/health"}, GOOD),
    ("HEAD without a token", {"method": "HEAD"}, (401, None)),
    ("a path in capitals", {"target": "/API/PROFILE"}, NOT_FOUND),
    ("a letter in percent form", {"target": "/api/%70rofile"}, NOT_FOUND),
    ("an encoded slash", {"target": "/api%2Fprofile"}, NOT_FOUND),
    ("a null byte", {"target": "/api/profile%00"}, NOT_FOUND),
    ("bytes that are no UTF-8", {"target": "/api/%ff%fe"}, NOT_FOUND),
    ("half a percent form", {"target": "/api/%"}, NOT_FOUND),
    ("dots", {"target": "/api/health/../profile"}, NOT_FOUND),
    ("encoded dots", {"target": "/api/health/%2e%2e/profile"}, NOT_FOUND),
    ("a slash too many", {"target": "//api/profile"}, NOT_FOUND),
    ("a slash at the end", {"target": "/api/profile/"}, NOT_FOUND),
    ("a path parameter", {"target": "/api/profile;admin"}, NOT_FOUND),
    ("a file of secrets", {"target": "/.env"}, NOT_FOUND),
    ("another host's address", {"target": "http://evil.example/api/health"}, GOOD),
    ("a query", {"target": "/api/health?x=%00&x=%ff&" + "y" * 4000}, GOOD),
    ("a long path", {"target": "/" + "x" * 60_000}, NOT_FOUND),
    ("a path above the limit", {"target": "/" + "x" * 60_000, "headers": ["Cookie: " + "x" * 6_000]}, (431, "headers_too_large")),
    ("a header above the limit", {"headers": ["Cookie: " + "x" * 66_000]}, (431, "headers_too_large")),
    ("a token above the limit", {"token": "Bearer " + "x" * 66_000}, (431, "headers_too_large")),
    ("a body that is announced and too large", {"headers": ["Content-Length: 20000"], "body": b"x" * 20_000}, (413, "body_too_large")),
    ("a body in chunks", {"target": "/api/health", "headers": ["Transfer-Encoding: chunked"], "body": b"3\r\nabc\r\n0\r\n\r\n"}, GOOD),
    ("a wish for a web page", {"target": "/api/health", "headers": ["Accept: text/html"]}, GOOD),
    ("a wish for a part", {"target": "/api/openapi.json", "headers": ["Range: bytes=0-1"]}, GOOD),
    ("no token", {}, MISSING),
    ("an empty token", {"token": "Bearer "}, None),
    ("a token of bytes above ASCII", {"token": "Bearer \xe9\xff"}, None),
    ("a token in the query", {"target": "/api/profile?access_token=x"}, MISSING),
    ("a token in a cookie", {"headers": ["Cookie: access_token=x; Authorization=x"]}, MISSING),
    ("another scheme", {"token": "Basic dXNlcjpwYXNz"}, None),
    ("two tokens", {"headers": ["Authorization: Bearer a", "Authorization: Bearer b"]}, (401, "duplicate_header")),
    ("someone else's request id", {"target": "/api/health", "headers": ["X-Request-Id: mine"]}, GOOD),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), [pytest.param(*case[1:], id=case[0]) for case in ODD])
def test_an_odd_request_gets_an_answer_of_the_contract(contract, raw, expected):
    method = raw.get("method", "GET")
    answer = send(request(**raw))
    assert "server" not in answer.headers
    assert answer.headers["x-request-id"] != "mine"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["referrer-policy"] == "no-referrer"
    code = None
    if answer.status >= 400:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/problem+json"
        if method == "HEAD":
            assert answer.body == b""
        else:
            code = json.loads(answer.body)["code"]
            problems = contract["components"]["schemas"]
            (schema,) = [name for name, of in problems.items() if status_of(of) == answer.status]
            root = {"$ref": f"#/components/schemas/{schema}", "components": contract["components"]}
            jsonschema_rs.validator_for(root).validate(json.loads(answer.body))
            assert json.loads(answer.body)["requestId"] == answer.headers["x-request-id"]
    if answer.status == 401:
        assert answer.headers["www-authenticate"].startswith("bearer")
    if answer.status == 405:
        assert "get" in answer.headers["allow"]
    if expected is None:
        assert answer.status == 401
    else:
        assert (answer.status, code) == expected


def status_of(schema):
    return schema.get("allOf", [{}, {}])[-1].get("properties", {}).get("status", {}).get("const")


# Answered by the HTTP server of this machine before the function sees them; API Gateway has its own answers for these.
BROKEN = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a null byte in a header": request(headers=["X-Odd: a\x00b"]),
    "a blank in the path": request(target="/api/pro file"),
    "two lengths": request(headers=["Content-Length: 1", "Content-Length: 2"], body=b"x"),
    "a megabyte of token": request(token="Bearer " + "x" * 1_000_000),
    "hundreds of headers": request(headers=[f"X-Odd-{number}: 1" for number in range(300)]),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_request_ends_without_a_word_about_the_server(raw):
    try:
        answer = send(raw)
    except (ConnectionResetError, BrokenPipeError):
        return
    assert 400 <= answer.status < 500
    assert answer.body == b""
    assert "server" not in answer.headers
