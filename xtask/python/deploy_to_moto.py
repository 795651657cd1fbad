"""`sam deploy` to moto, which ignores SAM's transform: packages what `sam build` left, translates it, and creates or updates the
stack with exactly the parameters that the settings' environment has. At an update, those that it leaves out keep their values.

Parameters are held against the template as CloudFormation does, because moto does not: unknown and missing ones, patterns, rules.
Takes `--config-env NAME`; runs where samconfig.toml and .aws-sam are. Needs AWS_ENDPOINT_URL to name a moto server as `localhost`.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import boto3
import tomlkit
from samcli.cli.types import CfnParameterOverridesType

import moto_stack
from conditions import broken_rules, with_defaults
from translated import translate

BUILT = Path(".aws-sam/build/template.yaml")
PACKAGED = Path(".aws-sam/packaged.yaml")
BUCKET = "packages"


def settings(environment):
    """Name and parameters of the stack."""
    found = tomlkit.parse(Path("samconfig.toml").read_text()).unwrap()[environment]["deploy"]["parameters"]
    return found["stack_name"], CfnParameterOverridesType().convert(found["parameter_overrides"], None, None)


def previous(name, template):
    """Parameters of the stack as it is, where it is there. What is not shown keeps its default, too."""
    stacks = {each["StackName"]: each for each in boto3.client("cloudformation").describe_stacks()["Stacks"]}
    hidden = {each for each, parameter in template["Parameters"].items() if parameter.get("NoEcho")}
    present = stacks.get(name, {}).get("Parameters", [])
    return {each["ParameterKey"]: each["ParameterValue"] for each in present if each["ParameterKey"] not in hidden}


def faults(template, given):
    """What CloudFormation would refuse."""
    known = template["Parameters"]
    for name in given.keys() - known.keys():
        yield f"{name}: the template has no such parameter"
    for name, parameter in known.items():
        if name not in given and "Default" not in parameter:
            yield f"{name}: has no value"
        pattern = parameter.get("AllowedPattern")
        if name in given and pattern and not re.fullmatch(pattern, given[name]):
            yield f"{name}: {given[name]!r} does not match {pattern}"
        values = parameter.get("AllowedValues")
        if name in given and values and given[name] not in map(str, values):
            yield f"{name}: {given[name]!r} is none of {values}"
    yield from broken_rules(template, given)


def package():
    """The built template, with the code in a bucket."""
    s3 = boto3.client("s3")
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET)
    subprocess.run(
        ["sam", "package", "--template-file", BUILT, "--s3-bucket", BUCKET, "--output-template-file", PACKAGED, "--no-progressbar"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return PACKAGED


def mend_table(template, given, made):
    """What moto leaves out of a stack's table (time to live, recovery) or gets wrong (deletion protection, which becomes text)."""
    dynamodb, name = boto3.client("dynamodb"), made["Table"]
    wanted = template["Resources"]["Table"]["Properties"]
    if dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED":
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted["TimeToLiveSpecification"])
    recovery = {"PointInTimeRecoveryEnabled": wanted["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    protected = with_defaults(template, given)["DeletionProtection"] == "true"
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--config-env", required=True)
    name, given = settings(arguments.parse_args().config_env)
    template = translate()
    given = previous(name, template) | given
    if found := list(faults(template, given)):
        sys.exit("\n".join(found))
    made, _ = moto_stack.create_or_update(name, given, package())
    mend_table(template, given, made)
    print(f"{name}: {len(made)} resources, parameters {', '.join(sorted(given))}")


if __name__ == "__main__":
    main()
