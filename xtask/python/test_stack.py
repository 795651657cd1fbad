"""The stack as deployed: what `sam build` left is packaged, translated and applied to moto, and read back.

moto has no HTTP API, CloudFront, alarms, aliases and queue policies in stacks (moto_stack.py), and no TTL; test_template.py and its
neighbours check those on the translated template. test_deployed.py uses such a stack.
Needs AWS_ENDPOINT_URL to name a moto server as `localhost`.
"""

import ast
import json
import os
import subprocess

import boto3
import pytest

import moto_stack
from translated import ROOT

BUCKET = "packages"
PARAMETERS = {
    "EntraTenantId": "11111111-1111-1111-1111-111111111111",
    "EntraClientId": "22222222-2222-2222-2222-222222222222",
    "EntraAllowedClients": "33333333-3333-3333-3333-333333333333",
    "EntraClientSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:entra-AbCdEf",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:operators",
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
    made, _ = moto_stack.create("token-cache", PARAMETERS, packaged)
    return made


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
    key = boto3.client("kms").describe_key(KeyId=stack["Key"])["KeyMetadata"]
    assert (variables["SEALING_KEY_ARN"], variables["SEALING_LOCAL_KEY"]) == (key["Arn"], "")
    versions = client.list_versions_by_function(FunctionName=stack[name])["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"], "the alias points to the version"


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


def policies_of(stack, role):
    """The policy documents of a role: its own, and the one that moto does not attach to it (test_permissions.py sees to that)."""
    iam = boto3.client("iam")
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield document(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
    (version,) = iam.list_policy_versions(PolicyArn=stack["FunctionsPolicy"])["Versions"]
    shared = iam.get_policy_version(PolicyArn=stack["FunctionsPolicy"], VersionId=version["VersionId"])
    yield document(shared["PolicyVersion"]["Document"])


def document(policy):
    """moto gives out a policy that a stack has made as Python writes it, not as JSON."""
    return ast.literal_eval(policy) if isinstance(policy, str) else policy


@pytest.mark.parametrize("function", ["ProfileApiFunction", "BackgroundSweepFunction"])
def test_each_role_names_this_table_key_and_secret_and_the_sweep_s_the_index(stack, function):
    role = stack[f"{function}Role"]
    configuration = boto3.client("lambda").get_function(FunctionName=stack[function])["Configuration"]
    assert configuration["Role"].endswith(f"/{role}")
    statements = [each for policy in policies_of(stack, role) for each in policy["Statement"]]
    by_name = {each["Sid"]: each for each in statements}
    table = boto3.client("dynamodb").describe_table(TableName=stack["Table"])["Table"]["TableArn"]
    assert by_name["Items"]["Resource"] == table
    assert by_name["BranchKeys"]["Resource"].endswith(f"/{stack['Key']}")
    assert by_name["BranchKeys"]["Condition"]["StringEquals"]["kms:EncryptionContext:table"] == stack["Table"]
    assert by_name["StoredCredential"]["Resource"] == PARAMETERS["EntraClientSecretArn"]
    assert "OwnIdentityForEntra" not in by_name, "it is for EntraCredential=federated"
    if function == "BackgroundSweepFunction":
        assert by_name["DueAccountsAndUserNames"]["Resource"] == [f"{table}/index/due", f"{table}/index/user"]


def test_the_key_is_there_and_rotates(stack):
    kms = boto3.client("kms")
    assert kms.get_key_rotation_status(KeyId=stack["Key"])["KeyRotationEnabled"] is True
    (alias,) = kms.list_aliases(KeyId=stack["Key"])["Aliases"]
    assert alias["AliasName"] == "alias/token-cache"


def test_logs_are_kept_for_the_chosen_time(stack):
    groups = boto3.client("logs").describe_log_groups(logGroupNamePrefix="token-cache-")["logGroups"]
    assert {each["logGroupName"] for each in groups} == {stack[name] for name in ("ApiAccessLog", "ProfileApiLog", "BackgroundSweepLog")}
    assert {each["retentionInDays"] for each in groups} == {30}


def test_the_page_s_bucket_is_there_and_encrypted(stack):
    """moto keeps nothing else of a bucket; the rest is checked on the translated template."""
    (rule,) = boto3.client("s3").get_bucket_encryption(Bucket=stack["SpaBucket"])["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_the_dashboard_shows_this_stack_s_functions_table_and_queues(stack):
    body = boto3.client("cloudwatch").get_dashboard(DashboardName="token-cache-us-east-1")["DashboardBody"]
    assert len(json.loads(body)["widgets"]) > 10
    for name in ("ProfileApiFunction", "BackgroundSweepFunction", "Table"):
        assert f'"{stack[name]}"' in body, name
    for name in ("SweepTasks", "FailedSweepTasks", "FailedSweeps"):
        assert f'"{stack[name].rsplit("/", 1)[1]}"' in body, name
    assert "${" not in body


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
