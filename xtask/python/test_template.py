"""What template.yaml makes, checked on its translated form: a template that only validates may still lack a route."""

import pytest
import yaml

from translated import ROOT, resources, translate


@pytest.fixture(scope="module")
def template():
    return translate()


def test_routes_are_those_of_the_api(template):
    api = template["Resources"]["Api"]["Properties"]["Body"]
    routes = {(method.upper(), path) for path, methods in api["paths"].items() for method in methods}
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    assert routes == {(method.upper(), path) for path, methods in contract["paths"].items() for method in methods}
    for methods in api["paths"].values():
        for route in methods.values():
            integration = route["x-amazon-apigateway-integration"]
            assert "ProfileApiFunction.Arn" in integration["uri"]["Fn::Sub"]
            assert integration["payloadFormatVersion"] == "2.0"


def test_cors_lists_exact_origins_and_shows_the_claims_challenge(template):
    cors = template["Resources"]["Api"]["Properties"]["Body"]["x-amazon-apigateway-cors"]
    condition, cors, local = cors["Fn::If"]
    assert condition == "HasOrigins"
    assert cors["allowOrigins"] == {"Fn::Split": [",", ""]}, "the parameter, here empty"
    assert local["allowOrigins"] == ["http://localhost:3000"]
    assert {**local, "allowOrigins": None} == {**cors, "allowOrigins": None}
    assert set(cors["allowMethods"]) == {"GET", "DELETE", "OPTIONS"}
    assert "authorization" in cors["allowHeaders"]
    assert set(cors["exposeHeaders"]) == {"www-authenticate", "retry-after", "x-request-id"}
    assert not cors.get("allowCredentials"), "bearer tokens need no cookies"


def test_the_stage_is_default_so_that_it_does_not_show_in_paths(template):
    (stage,) = resources(template, "AWS::ApiGatewayV2::Stage").values()
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["ApiAccessLog", "Arn"]}
    assert "Authorization" not in str(stage["AccessLogSettings"])


def test_the_table_has_the_keys_indexes_and_ttl_of_the_data_model(template):
    (table,) = resources(template, "AWS::DynamoDB::Table").values()
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}

    def keys(schema):
        return [(key["KeyType"], key["AttributeName"], types[key["AttributeName"]]) for key in schema]

    assert keys(table["KeySchema"]) == [("HASH", "pk", "S"), ("RANGE", "sk", "S")]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert set(indexes) == {"due", "user"}
    assert keys(indexes["due"]["KeySchema"]) == [("HASH", "sweep_shard", "S"), ("RANGE", "due_at", "N")]
    assert keys(indexes["user"]["KeySchema"]) == [("HASH", "user_principal_name", "S")]
    assert all(index["Projection"] == {"ProjectionType": "KEYS_ONLY"} for index in indexes.values())
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_deleting_the_stack_keeps_the_table(template):
    table = template["Resources"]["Table"]
    assert table["DeletionPolicy"] == "Retain"
    assert table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}


def arn(name):
    return {"Fn::GetAtt": [name, "Arn"]}


def test_only_the_tick_and_the_tasks_have_rules(template):
    assert set(resources(template, "AWS::Events::Rule")) == {"BackgroundSweepFunctionTick", "SweepTasksRule"}


def test_the_schedule_invokes_the_sweep_and_nothing_else_may(template):
    rule = resources(template, "AWS::Events::Rule")["BackgroundSweepFunctionTick"]
    assert rule["ScheduleExpression"] == {"Ref": "SweepRate"}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["BackgroundSweepFunction", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["FailedSweeps", "Arn"]}}
    permissions = resources(template, "AWS::Lambda::Permission").values()
    (permission,) = [each for each in permissions if each["FunctionName"] == {"Ref": "BackgroundSweepFunction"}]
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == {"Fn::GetAtt": ["BackgroundSweepFunctionTick", "Arn"]}


def test_every_permission_names_who_may_invoke(template):
    for name, permission in resources(template, "AWS::Lambda::Permission").items():
        assert permission.get("SourceArn"), name


def statements(role):
    """All policy statements of a role; a conditional one counts as there."""
    for policy in role["Policies"]:
        policy = policy["Fn::If"][1] if "Fn::If" in policy else policy
        yield from policy["PolicyDocument"]["Statement"]


def allowed(template, role):
    """(action, resource as text) for everything the role may do."""
    pairs = set()
    for statement in statements(template["Resources"][role]["Properties"]):
        assert statement["Effect"] == "Allow"
        as_list = lambda value: value if isinstance(value, list) else [value]  # noqa: E731
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                pairs.add((action, str(resource)))
    return pairs


TABLE = str({"Fn::GetAtt": ["Table", "Arn"]})


def on_table(pairs):
    return {action for action, resource in pairs if resource == TABLE}


def test_no_policy_has_a_star_or_reads_the_whole_table(template):
    for role in ("ProfileApiFunctionRole", "BackgroundSweepFunctionRole"):
        for action, resource in allowed(template, role):
            assert "*" not in action and "*" not in resource, (role, action, resource)
            assert action not in ("dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:BatchWriteItem"), role


def test_only_the_sweep_reads_the_indexes_and_publishes(template):
    api = allowed(template, "ProfileApiFunctionRole")
    sweep = allowed(template, "BackgroundSweepFunctionRole")
    indexes = {str({"Fn::Sub": f"${{Table.Arn}}/index/{name}"}) for name in ("due", "user")}
    assert {resource for action, resource in sweep if action == "dynamodb:Query"} == {TABLE, *indexes}
    assert ("events:PutEvents", str({"Fn::GetAtt": ["EventBus", "Arn"]})) in sweep
    assert not any(resource in indexes for _, resource in api)
    assert not any(action.startswith("events:") for action, _ in api)
    for pairs in (api, sweep):
        assert {"dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"} <= on_table(pairs)
        assert ("secretsmanager:GetSecretValue", str({"Ref": "EntraClientSecretArn"})) in pairs


def test_functions_run_the_right_way(template):
    functions = resources(template, "AWS::Lambda::Function")
    assert set(functions) == {"ProfileApiFunction", "BackgroundSweepFunction"}
    for name, function in functions.items():
        assert function["Runtime"] == "provided.al2023", name
        assert function["Architectures"] == ["x86_64"], name
        assert function["LoggingConfig"]["LogFormat"] == "JSON", name
        log = function["LoggingConfig"]["LogGroup"]["Ref"]
        assert template["Resources"][log]["Properties"]["RetentionInDays"], name
        assert function["MemorySize"] >= 256, name
    assert functions["ProfileApiFunction"]["Timeout"] < 30, "an HTTP API gives up after 30 seconds"


def test_functions_get_every_variable_they_read(template):
    expected = {
        "ENTRA_AUTHORITY_HOST", "ENTRA_TENANT_ID", "ENTRA_CLIENT_ID", "ENTRA_CREDENTIAL", "ENTRA_CLIENT_SECRET",
        "ENTRA_CLIENT_SECRET_ARN", "ENTRA_ALLOWED_CLIENTS", "ENTRA_ALLOWED_TENANTS", "GRAPH_BASE_URL", "TABLE_NAME",
        "EVENT_BUS_NAME", "SEALING_LOCAL_KEY", "TOKEN_CACHE_TTL_SECONDS", "SWEEP_IDLE_SECONDS", "SWEEP_INTERVAL_SECONDS",
        "SWEEP_SHARDS", "SWEEP_SHARDS_GENERATION", "SWEEP_SHARDS_DRAINING", "SWEEP_CONCURRENCY", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_EVENTBRIDGE",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    }  # fmt: skip
    for name, function in resources(template, "AWS::Lambda::Function").items():
        assert set(function["Environment"]["Variables"]) == expected, name
        assert function["Environment"]["Variables"]["TABLE_NAME"] == {"Ref": "Table"}


def test_secrets_are_not_echoed_and_endpoints_are_aws_s_own(template):
    parameters = template["Parameters"]
    for name in ("EntraClientSecret", "SealingLocalKey"):
        assert parameters[name]["NoEcho"] is True, name
    for name in ("DynamoDbEndpoint", "EventBridgeEndpoint", "SecretsManagerEndpoint"):
        assert parameters[name]["Default"] == "", name
    assert "Default" not in parameters["SealingLocalKey"], "no key that everybody knows"


def test_shard_tasks_and_nothing_else_on_the_bus_go_into_the_queue(template):
    rule = template["Resources"]["SweepTasksRule"]["Properties"]
    assert rule["EventBusName"] == {"Fn::GetAtt": ["EventBus", "Name"]}
    assert rule["EventPattern"] == {"source": ["shared-token-cache"], "detail-type": ["SweepShard"]}
    assert rule.get("State", "ENABLED") == "ENABLED"
    (target,) = rule["Targets"]
    assert target["Arn"] == arn("SweepTasks")
    assert target["DeadLetterConfig"] == {"Arn": arn("FailedSweeps")}
    assert "Input" not in target and "InputPath" not in target, "the function reads the whole event"


def test_the_queue_hands_tasks_to_bounded_workers_one_by_one(template):
    (mapping,) = resources(template, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["EventSourceArn"] == arn("SweepTasks")
    assert mapping["FunctionName"] == {"Ref": "BackgroundSweepFunction"}
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "SweepWorkers"}}
    workers = template["Parameters"]["SweepWorkers"]
    assert (workers["Default"], workers["MinValue"], workers["MaxValue"]) == (8, 2, 1000), "what Lambda allows"


def test_no_task_is_handed_out_again_while_it_is_worked_on(template):
    queue = template["Resources"]["SweepTasks"]["Properties"]
    timeout = template["Resources"]["BackgroundSweepFunction"]["Properties"]["Timeout"]
    assert queue["VisibilityTimeout"] >= 6 * timeout
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    assert queue["MessageRetentionPeriod"] > tries * queue["VisibilityTimeout"], "it fails before it is forgotten"


def test_a_task_that_fails_five_times_is_put_aside(template):
    queue = template["Resources"]["SweepTasks"]["Properties"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": arn("FailedSweepTasks"), "maxReceiveCount": 5}
    aside = template["Resources"]["FailedSweepTasks"]["Properties"]
    assert aside["MessageRetentionPeriod"] == 1209600, "two weeks, the most there is"


def test_a_long_shard_may_be_handed_on_from_worker_to_worker(template):
    function = template["Resources"]["BackgroundSweepFunction"]["Properties"]
    assert function["RecursiveLoop"] == "Allow"


def test_the_sweep_reads_its_own_queue_and_no_other(template):
    role = template["Resources"]["BackgroundSweepFunctionRole"]["Properties"]
    assert not any("SQS" in str(policy) for policy in role["ManagedPolicyArns"]), "these are for all queues"
    on_queues = {pair for pair in allowed(template, "BackgroundSweepFunctionRole") if pair[0].startswith("sqs:")}
    assert on_queues == {
        ("sqs:ReceiveMessage", str(arn("SweepTasks"))),
        ("sqs:DeleteMessage", str(arn("SweepTasks"))),
        ("sqs:GetQueueAttributes", str(arn("SweepTasks"))),
        ("sqs:SendMessage", str(arn("FailedSweeps"))),
    }
    assert not any(action.startswith("sqs:") for action, _ in allowed(template, "ProfileApiFunctionRole"))


def test_only_the_rules_may_send_to_the_queues(template):
    senders = {}
    for policy in resources(template, "AWS::SQS::QueuePolicy").values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        (queue,) = policy["Queues"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Resource"] == arn(queue["Ref"])
        senders[queue["Ref"]] = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert senders == {
        "SweepTasks": arn("SweepTasksRule"),
        "FailedSweeps": [arn("BackgroundSweepFunctionTick"), arn("SweepTasksRule")],
    }


def test_queues_are_encrypted(template):
    queues = resources(template, "AWS::SQS::Queue")
    assert set(queues) == {"SweepTasks", "FailedSweepTasks", "FailedSweeps"}
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())


def test_the_shards_can_be_changed_without_touching_the_items(template):
    parameters = template["Parameters"]
    assert parameters["SweepShardsGeneration"]["Default"] == 1
    assert parameters["SweepShardsDraining"]["Default"] == "", "there is no generation before the first"
    for function in resources(template, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert variables["SWEEP_SHARDS_GENERATION"] == {"Ref": "SweepShardsGeneration"}
        assert variables["SWEEP_SHARDS_DRAINING"] == {"Ref": "SweepShardsDraining"}
