"""Lambda's runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): one connection that is kept, one
invocation after the other. In the peer's favour over Lambda's own client: no tracing, no structured log, no deadline."""

import json
import os
from http.client import HTTPConnection

BASE = "/2018-06-01/runtime/invocation"


def call(connection, method, path, body=None):
    connection.request(method, BASE + path, body=body)
    answer = connection.getresponse()
    return answer.headers, answer.read()


def run(handler):
    # No limit: an environment waits for its next invocation for as long as it is frozen.
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        headers, event = call(connection, "GET", "/next")
        invocation = headers["lambda-runtime-aws-request-id"]
        try:
            answer = json.dumps(handler(json.loads(event)))
        except Exception as error:
            failure = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            call(connection, "POST", f"/{invocation}/error", failure)
        else:
            call(connection, "POST", f"/{invocation}/response", answer)
