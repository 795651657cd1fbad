"""template.yaml as CloudFormation sees it: translated by SAM's own translator, offline.

As a program it writes that into the file that it is given: linters find there what SAM's short forms hide, such as a circle of
references.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


class NoManagedPolicies:
    """The translator asks for AWS's managed policies to expand their names; the template uses none by name."""

    def load(self):
        return {}


def translate(path=ROOT / "template.yaml"):
    """The plain CloudFormation template of the source template, or of one that `sam package` has written."""
    template = yaml_parse(Path(path).read_text())
    # SAM wants built code in a bucket; a packaged template has it at each function.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key.zip"
    return transform(template, {}, NoManagedPolicies())


def resources(template, kind):
    """The properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(translate(), indent=1))
