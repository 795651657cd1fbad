"""`cargo lambda deploy` puts both functions into an account (moto), from the programs that `sam build` compiled.

Needs AWS_ENDPOINT_URL to name a moto server.
"""

import os
import subprocess

import boto3
import pytest

from translated import ROOT


@pytest.mark.parametrize("name", ["profile-api", "background-sweep"])
def test_cargo_lambda_deploys(name):
    subprocess.run(
        ["cargo", "lambda", "deploy", name, "--binary-name", name, "--timeout", "29", "--memory", "512",
         "--endpoint-url", os.environ["AWS_ENDPOINT_URL"], "--env-var", "TABLE_NAME=accounts"],
        check=True, cwd=ROOT,
    )  # fmt: skip
    function = boto3.client("lambda").get_function(FunctionName=name)["Configuration"]
    assert function["Runtime"].startswith("provided.al2023")
    assert function["Architectures"] == ["x86_64"]
    assert (function["Timeout"], function["MemorySize"]) == (29, 512)
    assert function["Environment"]["Variables"]["TABLE_NAME"] == "accounts"
    program = ROOT / "target/lambda" / name / "bootstrap"
    assert function["CodeSize"] > program.stat().st_size / 10, "the built program, compressed"
