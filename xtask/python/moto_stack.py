"""The template as a stack in moto, without what moto does not make.

moto leaves out kinds of resources that it does not know, without a word, and what refers to them then fails in odd places. So they are
taken out beforehand, by moto's own list: the HTTP API, CloudFront, CodeDeploy, alarms and so on; test_template.py and its neighbours
check those on the translated template. Aliases are of that kind too: what calls an alias calls the function here. And what a condition
takes out of a list moto leaves there, as nothing.
"""

import json
import re

import boto3
from moto.cloudformation.parsing import get_model_map

from conditions import evaluate, with_defaults
from translated import translate

ALIAS = re.compile(r"(\w+)Aliaslive")
NOTHING = {"Ref": "AWS::NoValue"}
REFERENCE = re.compile(r"\$\{(\w+)(?:\.(\w+))?\}")


def for_moto(template, given):
    """The template without the resources that moto does not know, references to them as plain text; for these parameters."""
    known = get_model_map()
    unknown = {name for name, resource in template["Resources"].items() if resource["Type"] not in known}

    def named(name, attribute=None):
        return f"{name}.{attribute}" if attribute else name

    def text(value):
        return REFERENCE.sub(lambda found: named(*found.groups()) if found[1] in unknown else found[0], value)

    parameters = with_defaults(template, given)

    def there(value):
        if not isinstance(value, dict) or set(value) != {"Fn::If"}:
            return True
        condition, yes, no = value["Fn::If"]
        return (yes if evaluate(template, template["Conditions"][condition], parameters) else no) != NOTHING

    def convert(value):
        if isinstance(value, list):
            return [convert(each) for each in value if there(each)]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Ref"} and value["Ref"] in unknown:
            alias = ALIAS.fullmatch(value["Ref"])
            return {"Fn::GetAtt": [alias[1], "Arn"]} if alias else named(value["Ref"])
        if set(value) == {"Fn::GetAtt"} and value["Fn::GetAtt"][0] in unknown:
            return named(*value["Fn::GetAtt"])
        if set(value) == {"Fn::If"}:
            condition, yes, no = value["Fn::If"]
            return {"Fn::If": [condition, convert(yes), convert(no)]}
        if set(value) == {"Fn::Sub"}:
            of = value["Fn::Sub"]
            return {"Fn::Sub": text(of) if isinstance(of, str) else [text(of[0]), convert(of[1])]}
        return {key: convert(each) for key, each in value.items()}

    kept = {name: resource for name, resource in template["Resources"].items() if name not in unknown}
    return {**template, "Resources": convert(kept), "Outputs": convert(template["Outputs"])}


def create(name, parameters, source=None):
    """Creates the stack from the source template, or from one that `sam package` has written. Gives the names of its resources,
    logical id → physical id, and its outputs."""
    return apply(boto3.client("cloudformation").create_stack, name, parameters, source, {})


def create_or_update(name, parameters, source=None):
    """The same, or changes the stack where there is one."""
    cloudformation = boto3.client("cloudformation")
    if name not in {each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]}:
        return create(name, parameters, source)
    return apply(cloudformation.update_stack, name, parameters, source, resources_of(name))


def resources_of(name):
    """Logical id → physical id."""
    summaries = boto3.client("cloudformation").list_stack_resources(StackName=name)["StackResourceSummaries"]
    # A resource that moto cannot change (a managed policy) stays as it is, but loses its name in the stack.
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in summaries if each["LogicalResourceId"]}


def apply(change, name, parameters, source, before):
    """Makes the stack what the template says, by a call of CloudFormation's. `before` are the resources that it had."""
    template = for_moto(translate(source) if source else translate(), parameters)
    change(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    (description,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert description["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    made = before | resources_of(name)
    assert set(made) == set(template["Resources"])
    # moto cannot read the policy of a key that a stack has made: it takes only text for one.
    account = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [account]})
    boto3.client("kms").put_key_policy(KeyId=made["Key"], PolicyName="default", Policy=policy)
    return made, {each["OutputKey"]: each["OutputValue"] for each in description["Outputs"]}
