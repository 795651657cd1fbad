"""The stack as deployed: what `sam build` left is packaged, translated and applied to moto, and read back.

moto has no HTTP API and no TTL in stacks; test_template.py checks those on the translated template.
Needs AWS_ENDPOINT_URL to name a moto server as `localhost`.
"""

import json
import os
import subprocess

import boto3
import pytest

from translated import ROOT, translate

BUCKET = "packages"
PARAMETERS = {
    "EntraTenantId": "11111111-1111-1111-1111-111111111111",
    "EntraClientId": "22222222-2222-2222-2222-222222222222",
    "EntraAllowedClients": "33333333-3333-3333-3333-333333333333",
    "EntraClientSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:entra-AbCdEf",
    "SealingLocalKey": "A" * 43 + "=",
    "SweepRate": "rate(5 minutes)",
    "DeletionProtection": "false",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Resources of the applied stack: logical id → physical id."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    packaged = tmp_path_factory.mktemp("sam") / "packaged.yaml"
    subprocess.run(
        ["sam", "package", "--template-file", str(ROOT / ".aws-sam/build/template.yaml"), "--s3-bucket", BUCKET,
         "--output-template-file", str(packaged), "--region", os.environ["AWS_DEFAULT_REGION"]],
        check=True, cwd=ROOT,
    )  # fmt: skip
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName="token-cache",
        TemplateBody=json.dumps(translate(packaged)),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()],
    )
    (description,) = cloudformation.describe_stacks(StackName="token-cache")["Stacks"]
    assert description["StackStatus"] == "CREATE_COMPLETE"
    summaries = cloudformation.list_stack_resources(StackName="token-cache")["StackResourceSummaries"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in summaries}


def test_the_table_is_there_with_its_indexes(stack):
    table = boto3.client("dynamodb").describe_table(TableName=stack["Table"])["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert set(indexes) == {"due", "user"}
    assert [key["AttributeName"] for key in indexes["due"]["KeySchema"]] == ["sweep_shard", "due_at"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("name", ["ProfileApiFunction", "BackgroundSweepFunction"])
def test_each_function_is_there_with_its_code_and_settings(stack, name):
    client = boto3.client("lambda")
    function = client.get_function(FunctionName=stack[name])["Configuration"]
    built = ROOT / ".aws-sam/build" / name / "bootstrap"
    assert function["Runtime"] == "provided.al2023"
    assert function["CodeSize"] > built.stat().st_size / 10, "the built program, compressed"
    variables = function["Environment"]["Variables"]
    assert variables["TABLE_NAME"] == stack["Table"]
    assert variables["EVENT_BUS_NAME"] == "token-cache-accounts"
    assert variables["ENTRA_TENANT_ID"] == PARAMETERS["EntraTenantId"]
    assert variables["ENTRA_CLIENT_SECRET"] == ""
    assert variables["AWS_ENDPOINT_URL_DYNAMODB"] == ""


@pytest.mark.parametrize("name", ["ProfileApiFunction", "BackgroundSweepFunction"])
def test_built_programs_are_for_lambda_s_processor(stack, name):
    header = (ROOT / ".aws-sam/build" / name / "bootstrap").read_bytes()[:20]
    assert header[:5] == b"\x7fELF\x02", "a 64-bit program"
    assert int.from_bytes(header[18:20], "little") == 62, "x86_64"


def test_the_schedule_runs_the_sweep_at_the_chosen_rate(stack):
    events = boto3.client("events")
    rule = events.describe_rule(Name=stack["BackgroundSweepFunctionTick"])
    assert rule["ScheduleExpression"] == PARAMETERS["SweepRate"]
    assert rule["State"] == "ENABLED"
    (target,) = events.list_targets_by_rule(Rule=stack["BackgroundSweepFunctionTick"])["Targets"]
    sweep = boto3.client("lambda").get_function(FunctionName=stack["BackgroundSweepFunction"])["Configuration"]
    assert target["Arn"] == sweep["FunctionArn"]
    policy = json.loads(boto3.client("lambda").get_policy(FunctionName=stack["BackgroundSweepFunction"])["Policy"])
    assert rule["Arn"] in json.dumps(policy["Statement"])


def test_the_sweep_s_role_names_the_table_and_the_secret(stack):
    iam = boto3.client("iam")
    role = stack["BackgroundSweepFunctionRole"]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    text = json.dumps([iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names])
    assert f"{stack['Table']}/index/due" in text
    assert PARAMETERS["EntraClientSecretArn"] in text
