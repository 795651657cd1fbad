"""A server between programs and AWS (moto) that notes what each of them asks for.

A program is known by its access key id, which its signatures name; so each gets one of its own. What it asks for is read from the
request itself, as the SDK sends it.
"""

import http.client
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

# The prefix of an operation's name on the wire, and of its action in policies.
TARGETS = {
    "DynamoDB_20120810": "dynamodb",
    "AWSEvents": "events",
    "TrentService": "kms",
    "secretsmanager": "secretsmanager",
}


@dataclass(frozen=True)
class Call:
    """One request to AWS."""

    by: str
    action: str
    # The table with its index, the key, the bus, the secret, as the request names them; nothing for STS.
    resource: str | None
    body: dict = field(compare=False)

    @property
    def partition_key(self):
        return (self.body.get("Key") or self.body.get("Item"))["pk"]["S"]


def read_call(headers, content):
    """The call that a request is.

    Fails for one that it does not know: a service that nobody thought of must not go unnoticed.
    """
    by = re.search(r"Credential=([^/]+)/", headers["authorization"])[1]
    target = headers.get("x-amz-target")
    if target is None:
        form = {name: values[0] for name, values in parse_qs(content.decode()).items()}
        assert form["Version"] == "2011-06-15", f"neither STS nor JSON: {dict(headers)}"
        return [Call(by, f"sts:{form['Action']}", None, form)]
    prefix, operation = target.split(".")
    body, action = json.loads(content), f"{TARGETS[prefix]}:{operation}"
    if prefix == "AWSEvents":
        return [Call(by, action, entry["EventBusName"], entry) for entry in body["Entries"]]
    resource = body.get("TableName") or body.get("KeyId") or body["SecretId"]
    if "IndexName" in body:
        resource += f"/index/{body['IndexName']}"
    return [Call(by, action, resource, body)]


class Recorder:
    """What was asked for so far, and what is to be done before the next request of some kind is passed on."""

    def __init__(self, url):
        self.url = url
        self.calls = []
        self.unread = []
        self.in_flight = 0
        self.before = None

    def by(self, name):
        return [call for call in self.calls if call.by == name]

    @contextmanager
    def once_before(self, is_it, do):
        """Within this, `do` is done before the first request that `is_it`, which waits for it."""
        done = threading.Event()

        def before(calls):
            if not done.is_set() and any(is_it(call) for call in calls):
                done.set()
                do()

        self.before = before
        try:
            yield
        finally:
            self.before = None
        assert done.is_set(), "no such request came"


@contextmanager
def recorder(behind):
    """A recorder in front of the server with this base URL."""
    address, lock = urlsplit(behind), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            content = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                recorded.in_flight += 1
            try:
                self.pass_on(content)
            finally:
                with lock:
                    recorded.in_flight -= 1

        def pass_on(self, content):
            try:
                calls = read_call(self.headers, content)
            except Exception as error:  # It would be lost in a thread: the test asks for it.
                recorded.unread.append(f"{error!r} for {dict(self.headers)}")
                calls = []
            recorded.calls += calls
            if recorded.before:
                recorded.before(calls)
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
            headers = {**dict(self.headers), "host": address.netloc}
            connection.request("POST", self.path, body=content, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            connection.close()

        def log_message(self, *_):
            """What matters is in the calls."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorded = Recorder(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield recorded
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
