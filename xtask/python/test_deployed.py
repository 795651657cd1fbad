"""The deployed functions at work: the stack in moto, the built programs with the very settings that the stack gave them, the emulator.

Every request of theirs to AWS goes through a recorder, and at the end what was asked for is compared with what the roles allow, by
action, table, index, key, bus and secret, both ways. Recording real requests is slower than reading sources, but cannot be deceived by
how a call is written, and knows which of two functions with the same libraries makes it. What no journey reaches it does not see:
test_permissions.py compares the sources, so that a new call without a permission is found before a journey comes by it.

Needs STACK_EMULATOR_URL, and AWS_ENDPOINT_URL to name a moto server as `localhost`.
"""

import io
import json
import os
import sys
import zipfile
from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import pytest
import requests
from boto3.dynamodb.conditions import Key

import moto_stack
from policies import asked_for
from recorder import recorder
from running import FUNCTIONS, from_queue, lambda_host, request, scheduled_event, wait_until, waits_for
from translated import ROOT, translate

sys.path.insert(0, str(ROOT / "local/e2e/python"))

from emulator import ADELE, API, API_SECRET, BASE, BRUNO, SPA, TENANT, revoke, sign_in  # noqa: E402

CLARA, DAN, EVE = (f"user00000{number}@lakeside.example" for number in (1, 2, 3))
LOGICAL_IDS = {"profile-api": "ProfileApiFunction", "background-sweep": "BackgroundSweepFunction"}
PROFILE = ("GET", "/api/profile")
BACKGROUND_ACCESS = "/api/background-access"
STACK = "deployed"


@pytest.fixture(scope="module")
def stack():
    """Names of the stack's resources, logical id → physical id."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    # The code is not run from there; moto wants it to be a zip.
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("bootstrap", "")
    s3.put_object(Bucket="bucket", Key="key.zip", Body=package.getvalue())
    secret = boto3.client("secretsmanager").create_secret(Name="entra", SecretString=API_SECRET)
    made, _ = moto_stack.create(STACK, {
        "EntraTenantId": TENANT, "EntraClientId": API, "EntraAllowedClients": SPA, "EntraAuthorityHost": BASE,
        "GraphBaseUrl": f"{BASE}/graph/v1.0", "EntraClientSecretArn": secret["ARN"], "SweepIdleSeconds": "1", "SweepShards": "4",
    })  # fmt: skip
    # moto would run the function, in a container that it would have to fetch.
    boto3.client("lambda").update_event_source_mapping(UUID=made["SweepWorkersMapping"], Enabled=False)
    return SimpleNamespace(**made, secret=secret["ARN"], subscriber=subscribe(f"{STACK}-accounts"))


def subscribe(bus):
    """A queue that gets everything from the bus but the sweep's own tasks, as a rule of somebody else's would have it."""
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    names = ["AccountNeedsUser", "ProfileChanged", "SweepCompleted"]
    events.put_rule(Name="subscriber", EventBusName=bus, EventPattern=json.dumps({"detail-type": names}))
    events.put_targets(Rule="subscriber", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def received(url):
    """Everything in a queue, as the events that they are."""
    sqs, events = boto3.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        events += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return events


def settings(stack, function, recorded):
    """A function's environment as the stack made it, on the way through the recorder."""
    name = getattr(stack, LOGICAL_IDS[function])
    variables = boto3.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    # The recorder knows programs by their keys.
    own = {"AWS_ACCESS_KEY_ID": function, "AWS_ENDPOINT_URL": recorded.url}
    return {name: str(value) for name, value in variables.items()} | own


def items(stack, key=None):
    """All items of the table, or those of one partition, by sort key."""
    table = boto3.resource("dynamodb").Table(stack.Table)
    if key is None:
        return table.scan(ConsistentRead=True)["Items"]
    found = table.query(KeyConditionExpression=Key("pk").eq(key), ConsistentRead=True)["Items"]
    return {item["sk"]: item for item in found}


def partition_of(stack, user):
    (key,) = {item["pk"] for item in items(stack) if item.get("user_principal_name") == user}
    return key


@pytest.fixture(scope="module")
def deployed(stack):
    """The running functions, the recorder in front of AWS, and what came of the journey below."""
    with recorder(os.environ["AWS_ENDPOINT_URL"]) as recorded, lambda_host() as host:
        made = SimpleNamespace(stack=stack, recorded=recorded, host=host)
        start_on_an_empty_table(made)
        start_with_the_roles_own_identity(made)
        with ExitStack() as running:
            for function in FUNCTIONS:
                running.enter_context(host.program(function, settings(stack, function, recorded)))
            yield made


def start_until_asked(made, function, action, changed, name):
    """Starts a function until it has asked AWS for this. What a start does ahead of requests has little time and may come to
    nothing on a busy machine; the next start tries again."""
    asked = lambda: any(call.action == action for call in made.recorded.by(function))  # noqa: E731
    for _ in range(5):
        with made.host.program(function, settings(made.stack, function, made.recorded) | changed, name) as process:
            if waits_for(asked, process):
                break
    wait_until(lambda: made.recorded.in_flight == 0, "requests without an answer")
    assert asked(), f"{function} does not ask for {action}"


def start_on_an_empty_table(made):
    """Whichever function is the first to start makes the key that seals tokens. Those of the journey find one."""
    for function in FUNCTIONS:
        forget_branch_keys(made.stack)
        start_until_asked(made, function, "kms:GenerateDataKey", {}, function)
    forget_branch_keys(made.stack)
    make_branch_key(made.stack)


def forget_branch_keys(stack):
    table = boto3.resource("dynamodb").Table(stack.Table)
    for date in items(stack, "KEY#token-blob"):
        table.delete_item(Key={"pk": "KEY#token-blob", "sk": date})


def make_branch_key(stack):
    """As docs/data-model.md describes it."""
    now = datetime.now(UTC)
    date = now.strftime("%Y-%m-%d")
    context = {"table": stack.Table, "purpose": "token-blob", "date": date}
    made = boto3.client("kms").generate_data_key(KeyId=stack.Key, KeySpec="AES_256", EncryptionContext=context)
    item = {"pk": "KEY#token-blob", "sk": date, "wrapped": made["CiphertextBlob"], "kms_key": made["KeyId"]}
    item["created_at"] = int(now.timestamp())
    boto3.resource("dynamodb").Table(stack.Table).put_item(Item=item)


def start_with_the_roles_own_identity(made):
    """With `EntraCredential=federated` STS is asked at the start. moto has no such operation: that it is asked must do."""
    for function in FUNCTIONS:
        changed = {"ENTRA_CREDENTIAL": "federated", "ENTRA_CLIENT_SECRET_ARN": ""}
        start_until_asked(made, function, "sts:GetWebIdentityToken", changed, f"{function}-federated")


def profile(deployed, user):
    token = sign_in(user, f"api://{API}/Profile.ReadWrite")
    answer = deployed.host.invoke("profile-api", request(*PROFILE, token))
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["userPrincipalName"] == user
    return token


def sweep(deployed, user):
    (turn,) = deployed.host.invoke("background-sweep", {"account": user})["turns"]
    return turn


def test_a_profile_leaves_sealed_tokens_and_an_account_that_is_due(deployed):
    token = profile(deployed, ADELE)
    kept = items(deployed.stack, partition_of(deployed.stack, ADELE))
    tokens, activity = kept[f"TOKENS#{API}"], kept["ACTIVITY"]
    assert tokens["version"] == 1
    blob = tokens["blob"].value
    # Version 1, then the date of the branch key, which the table has, wrapped by the stack's own key.
    assert blob[0] == 1
    date = blob[2 : 2 + blob[1]].decode()
    branch_key = items(deployed.stack, "KEY#token-blob")[date]
    assert branch_key["kms_key"].endswith(f"/{deployed.stack.Key}")
    assert b"secret" not in blob and b"refresh" not in blob.lower() and token.encode() not in blob
    now = datetime.now(UTC).timestamp()
    assert activity["status"] == "active"
    assert activity["sweep_shard"].startswith("v1#")
    assert now < tokens["ttl"] <= now + 1209600
    assert abs(float(activity["due_at"]) - now) < 60

    again = deployed.host.invoke("profile-api", request(*PROFILE, token))
    assert again["statusCode"] == 200
    assert items(deployed.stack, tokens["pk"])[f"TOKENS#{API}"]["version"] == 1, "from the cache"


def test_the_sweep_acts_for_a_user_who_is_away_and_keeps_their_profile(deployed):
    assert sweep(deployed, ADELE)["outcome"] in ("acted", "unchanged")
    kept = items(deployed.stack, partition_of(deployed.stack, ADELE))
    assert kept["PROFILE"]["profile"]["displayName"]
    assert kept["ACTIVITY"]["last_sweep"]["outcome"] in ("acted", "unchanged")
    assert float(kept["ACTIVITY"]["due_at"]) > datetime.now(UTC).timestamp() + 3000, "in an hour"


def test_a_user_who_must_sign_in_is_parked_and_subscribers_hear_of_it(deployed):
    profile(deployed, BRUNO)
    revoke(BRUNO)
    assert sweep(deployed, BRUNO)["outcome"] == "needs_user"
    key = partition_of(deployed.stack, BRUNO)
    activity = items(deployed.stack, key)["ACTIVITY"]
    assert activity["status"] == "needs_user"
    assert "due_at" not in activity and "sweep_shard" not in activity, "out of the index"
    events = [each for each in received(deployed.stack.subscriber) if each["detail-type"] == "AccountNeedsUser"]
    assert [each["detail"]["account"] for each in events] == [key.removeprefix("ACCOUNT#")]


def test_a_tick_becomes_tasks_and_a_task_a_turn_of_who_is_due(deployed):
    profile(deployed, CLARA)
    key = partition_of(deployed.stack, CLARA)
    before = items(deployed.stack, key)["ACTIVITY"]
    wait_until(lambda: datetime.now(UTC).timestamp() > float(before["due_at"]) + 1, "nobody is due")
    tick = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    deployed.host.invoke("background-sweep", scheduled_event(tick))
    tasks = received(deployed.stack.SweepTasks)
    assert sorted(task["detail"]["shard"] for task in tasks) == [f"v1#{number:02}" for number in range(4)]
    answer = deployed.host.invoke("background-sweep", from_queue([json.dumps(task) for task in tasks]))
    assert answer == {"batchItemFailures": []}
    assert items(deployed.stack, key)["ACTIVITY"]["last_sweep"]["outcome"] in ("acted", "unchanged")
    names = {event["detail-type"] for event in received(deployed.stack.subscriber)}
    assert "SweepCompleted" in names


def test_a_user_who_ends_it_is_erased_and_a_worker_takes_back_what_it_wrote_meanwhile(deployed):
    token = profile(deployed, DAN)
    key = partition_of(deployed.stack, DAN)

    def end():
        assert deployed.host.invoke("profile-api", request("DELETE", BACKGROUND_ACCESS, token))["statusCode"] == 204

    # The worker has acted, and is about to write the snapshot; only then is the account gone.
    is_snapshot = lambda call: call.action == "dynamodb:PutItem" and call.body["Item"]["sk"] == {"S": "PROFILE"}  # noqa: E731
    with deployed.recorded.once_before(is_snapshot, end):
        assert sweep(deployed, DAN)["outcome"] == "acted", "which Graph has seen, and nobody else"
    assert set(items(deployed.stack, key)) == {"TOMBSTONE"}


def test_tokens_that_are_about_to_end_are_renewed(deployed):
    answer = requests.put(f"{BASE}/emulator/api/scenarios", json={"accessTokenLifetimeSeconds": 60}, timeout=30)
    assert answer.ok, answer.text
    try:
        profile(deployed, EVE)
        key = partition_of(deployed.stack, EVE)
        before = items(deployed.stack, key)[f"TOKENS#{API}"]["version"]
        assert sweep(deployed, EVE)["outcome"] in ("acted", "unchanged")
        assert items(deployed.stack, key)[f"TOKENS#{API}"]["version"] > before
    finally:
        requests.delete(f"{BASE}/emulator/api/scenarios", timeout=30)


# The tests below look at what those above have left in the recorder.


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_request_is_allowed_and_each_permission_is_used(deployed, function):
    stack = deployed.stack
    key_arn = boto3.client("kms").describe_key(KeyId=stack.Key)["KeyMetadata"]["Arn"]
    certificate, secret = {"Ref": "EntraClientCertificateArn"}, {"Ref": "EntraClientSecretArn"}
    resources = {
        str({"Fn::GetAtt": ["Table", "Arn"]}): stack.Table,
        str({"Fn::Sub": "${Table.Arn}/index/due"}): f"{stack.Table}/index/due",
        str({"Fn::Sub": "${Table.Arn}/index/user"}): f"{stack.Table}/index/user",
        str({"Fn::GetAtt": ["Key", "Arn"]}): key_arn,
        str({"Fn::GetAtt": ["EventBus", "Arn"]}): f"{STACK}-accounts",
        str({"Fn::If": ["HasCertificate", certificate, secret]}): stack.secret,
        "*": None,
    }
    allowed = {(each.action, resources[each.resource]) for each in asked_for(translate(), function)}
    assert deployed.recorded.unread == []
    assert {(call.action, call.resource) for call in deployed.recorded.by(function)} == allowed


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_request_meets_the_conditions_of_its_permission(deployed, function):
    calls = deployed.recorded.by(function)
    by_action = lambda *actions: [call for call in calls if call.action in actions]  # noqa: E731
    deleted = by_action("dynamodb:DeleteItem")
    assert deleted and all(call.partition_key.startswith(("ACCOUNT#", "QUARANTINE#")) for call in deleted)
    for call in by_action("kms:GenerateDataKey", "kms:Decrypt"):
        context = call.body["EncryptionContext"]
        assert (context["purpose"], context["table"]) == ("token-blob", deployed.stack.Table)
    for call in by_action("sts:GetWebIdentityToken"):
        form = call.body
        assert form["Audience.member.1"].startswith("api://AzureADTokenExchange")
        assert (form["SigningAlgorithm"], int(form["DurationSeconds"]) <= 300) == ("RS256", True)
    assert {call.by for call in deployed.recorded.calls} == set(FUNCTIONS), "nobody goes by another's name"
