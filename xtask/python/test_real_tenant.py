"""docs/real-tenant.md, followed to the letter: every command of it, in one shell, against the emulator and moto.

The shell runs in a scratch folder with the few files of the checkout that the guide's commands read or write. On its `PATH` stand
programs that other steps have made, in place of those that would make them again:

- `cargo run -p setup` is target/debug/setup (rust-build); `cargo lambda` is the real one
- `sam build` takes what the step sam-build left; `sam deploy` is deploy_to_moto.py; `sam delete` is the real one, which does not ask
- `npm ci` does nothing, `npm run build` takes what the step spa-build left
- `aws` is the real one

Device codes are approved by an administrator of the emulator's tenant, as the guide's reader would.

Needs STACK_EMULATOR_URL, AWS_ENDPOINT_URL to name a moto server as `localhost`, and AWS_CLI to name the program.
"""

import json
import os
import re
import shutil
from types import SimpleNamespace

import boto3
import pytest
import requests

import guide
from translated import ROOT

NAME = "docs/real-tenant.md"
GUIDE = (ROOT / NAME).read_text()
EMULATOR = os.environ["STACK_EMULATOR_URL"].rstrip("/")
TENANT = "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40"
ADMINISTRATOR = "bruno@lakeside.example"
ELSEWHERE = "https://elsewhere.example"
TIMEOUT_SECONDS = 30

# Files of the checkout that commands of the guide read or write, and folders that must be there.
FILES = ["samconfig.toml"]
FOLDERS = ["spa/public", "home"]

# First commands of what is not run.
NOT_RUN = [
    "aws cloudfront create-invalidation",
    'cargo run -p setup -- doctor --env-file .env.deployed --api-url "$(output SpaUrl)" --page-url "$(output SpaUrl)"',
    "aws lambda invoke",
    "ISSUER=$(aws iam enable-outbound-web-identity-federation",
    "sam delete --stack-name aws-sam-cli-managed-default",
    "aws iam disable-outbound-web-identity-federation",
]
ISSUER = "https://11111111-1111-4111-8111-111111111111.tokens.sts.global.api.aws"
STAND_INS = {"ISSUER=$(aws iam enable-outbound-web-identity-federation --query IssuerIdentifier --output text)": f"ISSUER={ISSUER}"}

DEPLOYED, FEDERATED = "## Without a secret", "## Undo everything"

PROGRAMS = {
    "cargo": """case "$*" in
  "run -p setup -- "*) shift 4; exec "$ROOT/target/debug/setup" "$@" ;;
  lambda*) exec cargo-lambda "$@" ;;
esac
echo "unexpected: cargo $*"; exit 2""",
    "sam": """case "$1" in
  build) test -d "$ROOT/.aws-sam/build"; mkdir -p .aws-sam; ln -sfn "$ROOT/.aws-sam/build" .aws-sam/build ;;
  deploy) shift; exec python "$ROOT/xtask/python/deploy_to_moto.py" "$@" ;;
  delete) exec "$TOOLS/sam" "$@" --no-prompts --region "$AWS_DEFAULT_REGION" ;;
  *) exec "$TOOLS/sam" "$@" ;;
esac""",
    "npm": """case "$*" in
  ci) ;;
  "run build") cp -R "$ROOT/spa/dist" dist ;;
  --version) exec "$NPM" --version ;;
  *) echo "unexpected: npm $*"; exit 2 ;;
esac""",
    "aws": """exec "$AWS_CLI" "$@" """,
}


def make_programs(folder):
    folder.mkdir()
    for name, text in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/bash\nset -eu\n{text}\n")
        (folder / name).chmod(0o755)


def approve(line):
    """Enters the code that a command asks for."""
    if found := re.search(r"open (\S+) in a browser and enter the code (\w+)", line):
        answer = requests.post(
            found[1], data={"user_code": found[2], "user": ADMINISTRATOR, "approve": "yes", "consent": "yes"},
            timeout=TIMEOUT_SECONDS,
        )  # fmt: skip
        assert "You have signed in" in answer.text, answer.text


def sends_users_back(client, redirect):
    """Whether a user who signs in to the page is sent to this address with a code."""
    answer = requests.post(
        f"{EMULATOR}/{TENANT}/oauth2/v2.0/authorize",
        params={
            "client_id": client, "redirect_uri": redirect, "response_type": "code", "response_mode": "query", "scope": "openid",
            "code_challenge": "a" * 43, "code_challenge_method": "S256",
        },
        data={"user": ADMINISTRATOR}, allow_redirects=False, timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    return answer.status_code == 302 and answer.headers["location"].startswith(f"{redirect}?code=")


def everything(folder):
    """What there is in the tenant, in AWS and in the files."""
    cloudformation, s3 = boto3.client("cloudformation"), boto3.client("s3")
    stacks = {each["StackName"]: each for each in cloudformation.describe_stacks()["Stacks"]}
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    secrets = boto3.client("secretsmanager")
    keys = boto3.client("kms")
    return SimpleNamespace(
        applications={each["name"]: each for each in requests.get(f"{EMULATOR}/emulator/api/applications", timeout=30).json()},
        parameters={
            name: {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]} for name, stack in stacks.items()
        },
        outputs={
            name: {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])} for name, stack in stacks.items()
        },
        tables=boto3.client("dynamodb").list_tables()["TableNames"],
        functions=[each["FunctionName"] for each in boto3.client("lambda").list_functions()["Functions"]],
        objects={
            name: {each["Key"]: s3.get_object(Bucket=name, Key=each["Key"])
                   for each in s3.list_objects_v2(Bucket=name).get("Contents", [])}
            for name in buckets if name != "packages"
        },
        secrets={
            each["Name"]: secrets.get_secret_value(SecretId=each["ARN"])["SecretString"]
            for each in secrets.list_secrets()["SecretList"]
        },
        keys={each["KeyArn"]: keys.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["KeyState"] for each in keys.list_keys()["Keys"]},
        files={
            str(path.relative_to(folder)): path.read_text()
            for name in (".env", ".env.deployed", *FILES, "spa/public/config.json")
            if (path := folder / name).exists()
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The guide's run, and what there was before, at its checkpoints and after it."""
    folder = tmp_path_factory.mktemp("guide")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    make_programs(folder / "bin")
    environment = os.environ | {
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        "HOME": str(folder / "home"),
        "ROOT": str(ROOT),
        "TOOLS": os.path.dirname(shutil.which("sam")),
        "NPM": shutil.which("npm"),
        "ENTRA_AUTHORITY_HOST": EMULATOR,
        "GRAPH_BASE_URL": f"{EMULATOR}/graph/v1.0",
    }
    seen = {"before": everything(folder)}

    def look(heading):
        seen[heading] = state = everything(folder)
        page, address = state.applications["token-cache page"]["clientId"], stack_of(state)["SpaUrl"].lower()
        state.redirects = {origin: sends_users_back(page, f"{origin}/redirect.html") for origin in (address, ELSEWHERE)}

    outcome = guide.run(
        NAME, guide.script(GUIDE, STAND_INS, [DEPLOYED, FEDERATED]), folder, environment, approve, look,
    )  # fmt: skip
    assert (outcome.exit_code, outcome.failures) == (0, []), "\n".join(outcome.failures)
    seen["after"] = everything(folder)
    return SimpleNamespace(
        outcome=outcome, before=seen["before"], deployed=seen[DEPLOYED], federated=seen[FEDERATED], after=seen["after"]
    )


@pytest.fixture(scope="module")
def deployed(followed):
    return followed.deployed


def stack_of(state):
    return state.outputs["shared-token-cache"]


def env_file(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def test_only_what_is_named_here_is_not_run():
    not_run = [block.commands[0] for block in guide.blocks(GUIDE) if block.reason]
    assert len(not_run) == len(NOT_RUN)
    for command, named in zip(not_run, NOT_RUN, strict=True):
        assert command.startswith(named)


def test_every_block_of_commands_is_one_of_sh():
    assert GUIDE.count("```") == 2 * len(guide.blocks(GUIDE))


def test_every_output_that_the_guide_asks_for_is_one_of_the_stack(deployed):
    asked = set(re.findall(r"\boutput ([A-Z]\w+)", GUIDE))
    assert asked and asked <= set(stack_of(deployed))


def test_both_apps_are_registered_and_the_stack_is_theirs(followed, deployed):
    new = {name: deployed.applications[name] for name in deployed.applications.keys() - followed.before.applications.keys()}
    assert set(new) == {"token-cache API", "token-cache page"}
    assert new["token-cache API"]["clientSecrets"] == 1
    parameters = deployed.parameters["shared-token-cache"]
    assert parameters["EntraClientId"] == new["token-cache API"]["clientId"]
    assert parameters["EntraAllowedClients"] == new["token-cache page"]["clientId"]


def test_users_may_sign_in_at_the_stack_s_page_and_not_elsewhere(deployed):
    assert deployed.redirects == {stack_of(deployed)["SpaUrl"].lower(): True, ELSEWHERE: False}


def test_the_stored_secret_is_that_of_the_registration_and_the_stack_names_it(deployed):
    local = env_file(deployed.files[".env"])
    assert deployed.secrets == {"token-cache": local["ENTRA_CLIENT_SECRET"]}
    arn = deployed.parameters["shared-token-cache"]["EntraClientSecretArn"]
    assert ":secret:token-cache-" in arn


def test_the_secret_is_shown_nowhere_and_in_no_file_but_one(followed, deployed):
    secret = env_file(deployed.files[".env"])["ENTRA_CLIENT_SECRET"]
    assert not any(secret in line for line in followed.outcome.lines)
    assert [name for name, text in deployed.files.items() if secret in text] == [".env"]


def test_table_and_functions_are_there(deployed):
    assert stack_of(deployed)["TableName"] in deployed.tables
    assert {stack_of(deployed)[f"{name}FunctionName"] for name in ("ProfileApi", "BackgroundSweep")} <= set(deployed.functions)


def test_the_page_is_in_its_bucket_with_the_stack_s_settings(deployed):
    objects = deployed.objects[stack_of(deployed)["SpaBucketName"]]
    dist = ROOT / "spa/dist"
    assert set(objects) == {str(path.relative_to(dist)) for path in dist.rglob("*") if path.is_file()} | {"config.json"}
    assert objects["index.html"]["CacheControl"] == "no-cache"
    assert all("immutable" in each["CacheControl"] for name, each in objects.items() if name.startswith("assets/"))
    config = json.loads(objects["config.json"]["Body"].read())
    assert config == json.loads(stack_of(deployed)["SpaConfig"])
    assert config["clientId"] == deployed.applications["token-cache page"]["clientId"]


def test_the_doctor_finds_nothing_wrong(followed):
    found = [line.split(None, 2) for line in followed.outcome.lines if re.match(r"(ok|warn|fail|skip) +[a-z]+(-[a-z]+)* ", line)]
    by_status = {}
    for status, check, _ in found:
        by_status.setdefault(status, set()).add(check)
    assert {"settings", "authority", "signing-keys", "credential", "table", "table-access", "sealing-key", "event-bus"} <= by_status["ok"]
    assert "fail" not in by_status
    assert by_status.get("warn", set()) == set()


def test_without_a_secret_both_roles_are_trusted_and_none_is_kept(followed):
    (api,) = [each for name, each in followed.federated.applications.items() if name == "token-cache API"]
    trusted = {(each["issuer"], each["subject"]) for each in api["federatedCredentials"]}
    outputs = stack_of(followed.federated)
    assert trusted == {(ISSUER, outputs["ProfileApiRoleArn"]), (ISSUER, outputs["BackgroundSweepRoleArn"])}
    parameters = followed.federated.parameters["shared-token-cache"]
    assert (parameters["EntraCredential"], parameters["EntraClientSecretArn"]) == ("federated", "")
    assert followed.federated.secrets == {}


def test_afterwards_everything_is_as_before(followed):
    before, after = followed.before, followed.after
    assert after.applications == before.applications
    assert (after.parameters, after.tables, after.functions) == (before.parameters, before.tables, before.functions)
    assert (after.objects, after.secrets) == (before.objects, before.secrets)
    assert after.files == before.files


def test_afterwards_the_key_waits_for_its_deletion(followed, deployed):
    assert followed.after.keys[stack_of(deployed)["KeyArn"]] == "PendingDeletion"
