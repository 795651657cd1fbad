"""template.yaml as CloudFormation sees it: translated by SAM's own translator, offline."""

import os
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


class NoManagedPolicies:
    """The translator asks for AWS's managed policies to expand their names; the template uses none by name."""

    def load(self):
        return {}


def translate(code_uri="s3://bucket/key.zip"):
    """The plain CloudFormation template. SAM wants built code in a bucket: `code_uri` stands for it."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    template["Globals"]["Function"]["CodeUri"] = code_uri
    return transform(template, {}, NoManagedPolicies())


def resources(template, kind):
    """The properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }
