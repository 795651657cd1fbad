"""Conditions and rules of a template, evaluated as CloudFormation does."""


def with_defaults(template, given):
    """All parameters of the template with their values."""
    return {name: parameter.get("Default") for name, parameter in template["Parameters"].items()} | given


def evaluate(template, value, parameters):
    """A condition's value. Everything else is text, as CloudFormation compares it."""
    if not isinstance(value, dict):
        return str(value)
    ((name, of),) = value.items()
    if name == "Ref":
        return str(parameters[of])
    if name == "Condition":
        return evaluate(template, template["Conditions"][of], parameters)
    parts = [evaluate(template, each, parameters) for each in of]
    if name == "Fn::Equals":
        return parts[0] == parts[1]
    return {"Fn::And": all, "Fn::Or": any, "Fn::Not": lambda each: not each[0]}[name](parts)


def broken_rules(template, given):
    """What the template's rules say to these parameters."""
    parameters = with_defaults(template, given)
    return {
        assertion["AssertDescription"]
        for rule in template["Rules"].values()
        if evaluate(template, rule.get("RuleCondition", {"Fn::Equals": [1, 1]}), parameters)
        for assertion in rule["Assertions"]
        if not evaluate(template, assertion["Assert"], parameters)
    }
