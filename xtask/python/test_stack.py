"""The stack as deployed: what `sam build` left is packaged, translated and applied to moto, and read back.

moto has no HTTP API, no queue policies and no TTL in stacks; test_template.py checks those on the translated template.
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
    "SweepWorkers": "4",
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


@pytest.fixture(scope="module")
def mapping(stack):
    """Between the queue and the function."""
    (found,) = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return found


def queue_attributes(url):
    return boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_tasks_go_from_the_bus_to_the_queue_to_the_sweep(stack, mapping):
    events = boto3.client("events")
    (rule,) = events.list_rules(EventBusName="token-cache-accounts")["Rules"]
    assert json.loads(rule["EventPattern"]) == {"source": ["shared-token-cache"], "detail-type": ["SweepShard"]}
    assert rule["State"] == "ENABLED"
    (target,) = events.list_targets_by_rule(Rule=rule["Name"], EventBusName="token-cache-accounts")["Targets"]
    tasks = queue_attributes(stack["SweepTasks"])
    assert target["Arn"] == tasks["QueueArn"]
    assert target["DeadLetterConfig"]["Arn"] == queue_attributes(stack["FailedSweeps"])["QueueArn"]

    sweep = boto3.client("lambda").get_function(FunctionName=stack["BackgroundSweepFunction"])["Configuration"]
    assert mapping["EventSourceArn"] == tasks["QueueArn"]
    assert mapping["FunctionArn"].startswith(sweep["FunctionArn"])
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert int(mapping["ScalingConfig"]["MaximumConcurrency"]) == int(PARAMETERS["SweepWorkers"])
    assert int(tasks["VisibilityTimeout"]) >= 6 * sweep["Timeout"]
    redrive = json.loads(tasks["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == queue_attributes(stack["FailedSweepTasks"])["QueueArn"]
    assert redrive["maxReceiveCount"] == 5


def documented(name):
    """The detail of an event as docs/events.md shows it, which is what the code sends."""
    document = (ROOT / "docs/events.md").read_text()
    return json.loads(document.split(f"```json {name}\n")[1].split("```")[0])


def test_of_what_is_published_only_tasks_arrive_in_the_queue(stack, mapping):
    # moto would run the function, in a container that it would have to fetch.
    boto3.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    names = ["ProfileChanged", "SweepShard", "SweepCompleted", "AccountNeedsUser"]

    def entry(name, source="shared-token-cache"):
        return {"EventBusName": "token-cache-accounts", "Source": source, "DetailType": name,
                "Detail": json.dumps(documented(name)), "Time": "2026-11-23T00:00:00Z"}  # fmt: skip

    entries = [entry(name) for name in names] + [entry("SweepShard", source="somebody-else")]
    answer = boto3.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 0

    messages = boto3.client("sqs").receive_message(
        QueueUrl=stack["SweepTasks"], MaxNumberOfMessages=10, AttributeNames=["All"]
    )["Messages"]
    (message,) = messages
    event = json.loads(message["Body"])
    assert event["id"] == answer["Entries"][1]["EventId"]
    assert (event["source"], event["detail-type"]) == ("shared-token-cache", "SweepShard")
    assert event["detail"] == documented("SweepShard"), "an object, not a text"
    assert event["time"] == "2026-11-23T00:00:00Z"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
