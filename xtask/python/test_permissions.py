"""What each role may do, on the translated template. Whether that is what the program asks for, test_deployed.py finds out."""

import re
import subprocess
from functools import cache

import boto3
import pytest
from botocore import xform_name

from policies import BY_AWS, ROLES, asked_for, permissions, statements
from translated import ROOT, resources, translate

TABLE = str({"Fn::GetAtt": ["Table", "Arn"]})


@pytest.fixture(scope="module")
def template():
    return translate()


def arn(name):
    return str({"Fn::GetAtt": [name, "Arn"]})


def with_sid(template, function, sid):
    (statement,) = [each for each in statements(template, ROLES[function]) if each["Sid"] == sid]
    return statement


@pytest.mark.parametrize("function", ROLES)
def test_a_role_is_the_function_s_own_and_has_no_policy_but_those_written_here(template, function):
    name = ROLES[function]
    functions = resources(template, "AWS::Lambda::Function")
    assert [each for each in functions if functions[each]["Role"] == {"Fn::GetAtt": [name, "Arn"]}] == [name.removesuffix("Role")]
    assert template["Resources"][name]["Properties"]["ManagedPolicyArns"] == [{"Ref": "FunctionsPolicy"}]


@pytest.mark.parametrize("function", ROLES)
def test_no_policy_has_a_star_or_reads_the_whole_table(template, function):
    for each in permissions(template, function):
        assert "*" not in each.action, each
        assert each.action not in ("dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:BatchWriteItem"), each
        # There are no narrower resources for these two.
        assert "*" not in each.resource or each.sid in ("Traces", "OwnIdentityForEntra"), each
    assert all(each["Effect"] == "Allow" for each in statements(template, ROLES[function]))


@pytest.mark.parametrize("function", ROLES)
def test_only_what_is_kept_of_a_user_can_be_deleted(template, function):
    deleting = [each for each in statements(template, ROLES[function]) if "dynamodb:DeleteItem" in each["Action"]]
    (statement,) = deleting
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ACCOUNT#*", "QUARANTINE#*"]},
        # "For all values" is true of a request without any.
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


@pytest.mark.parametrize("function", ROLES)
def test_the_key_opens_branch_keys_of_this_table_and_else_only_what_dynamodb_asks(template, function):
    of_key = [each for each in statements(template, ROLES[function]) if str(each["Resource"]) == arn("Key")]
    assert {each["Sid"] for each in of_key} == {"BranchKeys", "EncryptionOfTheTable"}
    branch_keys = with_sid(template, function, "BranchKeys")
    assert branch_keys["Condition"]["StringEquals"] == {
        "kms:EncryptionContext:purpose": "token-blob",
        "kms:EncryptionContext:table": {"Ref": "Table"},
    }
    table = with_sid(template, function, "EncryptionOfTheTable")
    assert table["Condition"]["StringEquals"] == {"kms:ViaService": {"Fn::Sub": "dynamodb.${AWS::Region}.amazonaws.com"}}


@pytest.mark.parametrize("function", ROLES)
def test_the_credential_is_one_secret_or_the_role_s_own_identity_for_entra_alone(template, function):
    stored = with_sid(template, function, "StoredCredential")
    certificate, secret = {"Ref": "EntraClientCertificateArn"}, {"Ref": "EntraClientSecretArn"}
    assert stored["Resource"] == {"Fn::If": ["HasCertificate", certificate, secret]}
    identity = with_sid(template, function, "OwnIdentityForEntra")
    audiences = identity["Condition"]["ForAllValues:StringEquals"]["sts:IdentityTokenAudience"]
    # What the program names as audience, by cloud.
    assert set(re.findall(r'"(api://AzureADTokenExchange\w*)"', (ROOT / "shared/entra/src/authority.rs").read_text())) <= set(audiences)
    assert audiences and all(each.startswith("api://AzureADTokenExchange") for each in audiences)
    (policy,) = resources(template, "AWS::IAM::ManagedPolicy").values()
    conditions = {each["Fn::If"][1]["Sid"]: each["Fn::If"][0] for each in policy["PolicyDocument"]["Statement"] if "Fn::If" in each}
    assert conditions == {"StoredCredential": "HasStoredCredential", "OwnIdentityForEntra": "HasFederatedCredential"}


def test_only_the_sweep_reads_the_indexes_publishes_and_takes_tasks(template):
    own = {
        ("dynamodb:Query", str({"Fn::Sub": "${Table.Arn}/index/due"})),
        ("dynamodb:Query", str({"Fn::Sub": "${Table.Arn}/index/user"})),
        ("events:PutEvents", arn("EventBus")),
        ("sqs:ReceiveMessage", arn("SweepTasks")),
        ("sqs:DeleteMessage", arn("SweepTasks")),
        ("sqs:GetQueueAttributes", arn("SweepTasks")),
        ("sqs:SendMessage", arn("FailedSweeps")),
    }
    pairs = {
        function: {(each.action, each.resource) for each in permissions(template, function) if each.sid != "Log"}
        for function in ROLES
    }
    assert pairs["background-sweep"] - pairs["profile-api"] == own
    assert pairs["profile-api"] - pairs["background-sweep"] == set()


@pytest.mark.parametrize("function", ROLES)
def test_what_aws_does_as_the_role_is_named_and_no_more(template, function):
    by_aws = {
        (each.sid, each.action) for each in permissions(template, function) if each not in asked_for(template, function)
    }
    expected = {("Traces", "xray:PutTraceSegments"), ("Traces", "xray:PutTelemetryRecords")}
    expected |= {("Log", "logs:CreateLogStream"), ("Log", "logs:PutLogEvents")}
    of_key = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
    expected |= {("EncryptionOfTheTable", f"kms:{name}") for name in of_key}
    if function == "background-sweep":
        # AWS's own list for a queue that a function is fed from.
        expected |= {("Tasks", f"sqs:{name}") for name in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}
        expected |= {("FailedTicks", "sqs:SendMessage")}
    assert by_aws == expected
    assert {sid for sid, _ in expected} <= set(BY_AWS)


# Services by the crate of their SDK: how boto3 knows them, and their name in policies.
SERVICES = {
    "aws-sdk-dynamodb": ("dynamodb", "dynamodb"),
    "aws-sdk-eventbridge": ("events", "events"),
    "aws-sdk-kms": ("kms", "kms"),
    "aws-sdk-secretsmanager": ("secretsmanager", "secretsmanager"),
    "aws-sdk-sts": ("sts", "sts"),
}
# Sources beside those of the functions, for people: `cargo local` makes tables, `setup` looks after deployments. They act with the
# rights of whoever runs them; test_deployed.py would see a function that called them.
FOR_PEOPLE = re.compile(r"shared/store-dynamodb/src/(table\.rs|operator/.*)|shared/[a-z-]+/src/probe\.rs")


@cache
def operations(service):
    """The operations of a service: what the SDK's method is called → the name in the API, which is that of the action."""
    return {xform_name(name): name for name in boto3.client(service).meta.service_model.operation_names}


def linked_crates(function):
    """Folders of our own crates that a function is made of, with the SDKs that each uses."""
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--offline", "--package", function, "--edges", "normal", "--prefix", "none", "--format", "{p}"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    folders = {ROOT / re.search(r"\(([^)]*)\)", line)[1] for line in tree.splitlines() if f"({ROOT}" in line}
    assert len(folders) > 5, tree
    manifests = {folder: (folder / "Cargo.toml").read_text() for folder in folders}
    return {folder: [sdk for sdk in SERVICES if re.search(rf"(?m)^{sdk}\b", text)] for folder, text in manifests.items()}


def calls_in_sources(function):
    """Actions of all SDK calls in the sources that a function is made of."""
    found = set()
    for folder, sdks in linked_crates(function).items():
        for file in (folder / "src").rglob("*.rs"):
            if FOR_PEOPLE.fullmatch(file.relative_to(ROOT).as_posix()):
                continue
            methods = re.findall(r"\.([a-z_]+)\(\)", file.read_text())
            for service, prefix in (SERVICES[sdk] for sdk in sdks):
                found |= {f"{prefix}:{operations(service)[name]}" for name in methods if name in operations(service)}
    return found


@pytest.mark.parametrize("function", ROLES)
def test_each_call_in_the_sources_is_allowed_and_each_permission_has_its_call(template, function):
    """By action only: both functions are made of the same crates. Which of them calls what, on which item and index, is recorded
    by test_deployed.py from the running programs."""
    calls = calls_in_sources(function)
    allowed = {each.action for each in asked_for(template, function)}
    of_sweep_only = {"events:PutEvents"} if function == "profile-api" else set()
    assert calls - of_sweep_only == allowed
