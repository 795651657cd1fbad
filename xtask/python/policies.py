"""What the functions' roles allow, read from the translated template."""

from dataclasses import dataclass

ROLES = {"profile-api": "ProfileApiFunctionRole", "background-sweep": "BackgroundSweepFunctionRole"}

# What AWS itself does as the role, by the statement that allows it. No request of the program asks for these.
BY_AWS = {
    "EncryptionOfTheTable": "DynamoDB opens the encryption of the table as whoever reads or writes it",
    "Traces": "Lambda's tracing daemon",
    "Log": "Lambda's log delivery",
    "Tasks": "Lambda's poller of the queue",
    "FailedTicks": "Lambda's destination for failed asynchronous invocations",
}


@dataclass(frozen=True)
class Permission:
    """One action on one resource, which is the text of its reference in the template."""

    sid: str
    action: str
    resource: str


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(template, role):
    """All statements of a role by what is in force under any parameters: a conditional one counts as there."""
    properties = template["Resources"][role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties["Policies"]]
    documents += [template["Resources"][arn["Ref"]]["Properties"]["PolicyDocument"] for arn in properties["ManagedPolicyArns"]]
    for document in documents:
        for statement in document["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def permissions(template, function):
    """Everything that the role of a function may do."""
    return {
        Permission(statement["Sid"], action, str(resource))
        for statement in statements(template, ROLES[function])
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def asked_for(template, function):
    """What the program itself must ask for: all but what AWS does as the role."""
    return {each for each in permissions(template, function) if each.sid not in BY_AWS}
