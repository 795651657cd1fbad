"""What template.yaml makes, checked on its translated form: a template that only validates may still lack a route."""

import re

import pytest
import yaml

from translated import ROOT, resources, translate

# What SAM calls the alias of a function.
ALIASES = {name: f"{name}Aliaslive" for name in ("ProfileApiFunction", "BackgroundSweepFunction")}


@pytest.fixture(scope="module")
def template():
    return translate()


def arn(name):
    return {"Fn::GetAtt": [name, "Arn"]}


def test_routes_are_those_of_the_api(template):
    api = template["Resources"]["Api"]["Properties"]["Body"]
    routes = {(method.upper(), path) for path, methods in api["paths"].items() for method in methods}
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    assert routes == {(method.upper(), path) for path, methods in contract["paths"].items() for method in methods}
    for methods in api["paths"].values():
        for route in methods.values():
            integration = route["x-amazon-apigateway-integration"]
            assert f"/functions/${{{ALIASES['ProfileApiFunction']}}}/invocations" in integration["uri"]["Fn::Sub"]
            assert integration["payloadFormatVersion"] == "2.0"


SCOPES = {"Profile.Read", "Profile.ReadWrite"}


def test_with_a_jwt_authorizer_the_gateway_asks_for_the_scopes_of_the_contract(template):
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    paths = template["Resources"]["Api"]["Properties"]["Body"]["paths"]
    for path, methods in paths.items():
        for method, route in methods.items():
            # Each entry of the contract is an alternative with one scope; the gateway takes them as one list.
            wanted = [scope for entry in contract["paths"][path][method]["security"] for scope in entry["bearerToken"]]
            if not wanted:
                assert route["security"] == [], f"{path} is open"
                continue
            condition, guarded, open_ = route["security"]["Fn::If"]
            assert (condition, guarded, open_) == ("HasJwtAuthorizer", [{"entra": wanted}], [])
            assert set(wanted) <= SCOPES


def test_the_jwt_authorizer_is_an_outer_layer_for_one_tenant(template):
    body = template["Resources"]["Api"]["Properties"]["Body"]
    condition, schemes, none = body["components"]["securitySchemes"]["Fn::If"]
    assert (condition, none) == ("HasJwtAuthorizer", {})
    authorizer = schemes["entra"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "jwt"
    assert authorizer["identitySource"] == "$request.header.Authorization"
    # The parameters have no values here.
    issuer = authorizer["jwtConfiguration"]["issuer"]
    assert issuer == {"Fn::Sub": "${EntraAuthorityHost}/${EntraTenantId}/v2.0"}
    assert authorizer["jwtConfiguration"]["audience"] == [{"Ref": "EntraClientId"}]
    assert template["Parameters"]["JwtAuthorizer"]["Default"] == "false"
    assertions = str(template["Rules"]["JwtAuthorizerKnowsOneIssuer"]["Assertions"])
    assert "organizations" in assertions and "EntraAllowedTenants" in assertions


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
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn("Key")}


def test_deleting_the_stack_keeps_the_table_and_the_key_that_opens_it(template):
    for name in ("Table", "Key"):
        resource = template["Resources"][name]
        assert resource["DeletionPolicy"] == "Retain", name
        assert resource["UpdateReplacePolicy"] == "Retain", name
    table = template["Resources"]["Table"]["Properties"]
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert template["Parameters"]["DeletionProtection"]["Default"] == "true"


def test_the_key_is_rotated_and_only_policies_of_the_account_and_its_logs_open_it(template):
    key = template["Resources"]["Key"]["Properties"]
    assert key["EnableKeyRotation"] is True
    account, logs = key["KeyPolicy"]["Statement"]
    assert account["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert logs["Principal"] == {"Service": {"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"}}
    of_logs = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]["Fn::Sub"]
    assert of_logs.endswith(":${AWS::AccountId}:log-group:${AWS::StackName}-*")
    assert "kms:*" not in logs["Action"] and "kms:CreateGrant" not in logs["Action"]
    (alias,) = resources(template, "AWS::KMS::Alias").values()
    assert alias == {"AliasName": {"Fn::Sub": "alias/${AWS::StackName}"}, "TargetKeyId": {"Ref": "Key"}}


def test_only_the_tick_and_the_tasks_have_rules(template):
    assert set(resources(template, "AWS::Events::Rule")) == {"BackgroundSweepFunctionTick", "SweepTasksRule"}


def test_the_schedule_invokes_the_sweep_and_nothing_else_may(template):
    rule = resources(template, "AWS::Events::Rule")["BackgroundSweepFunctionTick"]
    assert rule["ScheduleExpression"] == {"Ref": "SweepRate"}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": ALIASES["BackgroundSweepFunction"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["FailedSweeps", "Arn"]}}
    permissions = resources(template, "AWS::Lambda::Permission").values()
    (permission,) = [each for each in permissions if each["FunctionName"] == {"Ref": ALIASES["BackgroundSweepFunction"]}]
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == {"Fn::GetAtt": ["BackgroundSweepFunctionTick", "Arn"]}


def test_every_permission_names_who_may_invoke(template):
    for name, permission in resources(template, "AWS::Lambda::Permission").items():
        assert permission.get("SourceArn"), name


def test_functions_run_the_right_way(template):
    functions = resources(template, "AWS::Lambda::Function")
    assert set(functions) == set(ALIASES)
    reserved = {"ProfileApiFunction": "Api", "BackgroundSweepFunction": "Sweep"}
    for name, function in functions.items():
        assert function["Runtime"] == "provided.al2023", name
        assert function["Architectures"] == [{"Ref": "Architecture"}], name
        assert function["MemorySize"] >= 256, name
        assert function["TracingConfig"] == {"Mode": "Active"}, name
        assert function["KmsKeyArn"] == arn("Key"), name
        assert function["LoggingConfig"]["LogFormat"] == "JSON", name
        assert function["LoggingConfig"]["ApplicationLogLevel"] == {"Ref": "LogLevel"}, name
        parameter = f"{reserved[name]}ReservedConcurrency"
        condition, value, none = function["ReservedConcurrentExecutions"]["Fn::If"]
        assert (condition, value, none) == (f"Has{parameter}", {"Ref": parameter}, {"Ref": "AWS::NoValue"}), name
    assert functions["ProfileApiFunction"]["Timeout"] < 30, "an HTTP API gives up after 30 seconds"
    architecture = template["Parameters"]["Architecture"]
    assert (architecture["Default"], architecture["AllowedValues"]) == ("x86_64", ["x86_64", "arm64"])


def test_logs_end_and_are_encrypted(template):
    logs = resources(template, "AWS::Logs::LogGroup")
    assert set(logs) == {"ApiAccessLog", "ProfileApiLog", "BackgroundSweepLog"}
    for name, log in logs.items():
        assert log["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
        assert log["KmsKeyId"] == arn("Key"), name
        assert "LogGroupName" not in log, "the key's policy knows logs by the stack's name, which generated names begin with"
    functions = resources(template, "AWS::Lambda::Function").values()
    assert {each["LoggingConfig"]["LogGroup"]["Ref"] for each in functions} == {"ProfileApiLog", "BackgroundSweepLog"}


def test_everything_calls_the_alias_and_nothing_a_bare_function(template):
    aliases = resources(template, "AWS::Lambda::Alias")
    assert set(aliases) == set(ALIASES.values())
    for function, name in ALIASES.items():
        assert (aliases[name]["Name"], aliases[name]["FunctionName"]) == ("live", {"Ref": function})
    callers = [*resources(template, "AWS::Lambda::Permission").values()]
    callers += resources(template, "AWS::Lambda::EventSourceMapping").values()
    assert {each["FunctionName"]["Ref"] for each in callers} == set(ALIASES.values())
    (config,) = resources(template, "AWS::Lambda::EventInvokeConfig").values()
    assert (config["FunctionName"], config["Qualifier"]) == ({"Ref": "BackgroundSweepFunction"}, "live")


def test_traffic_moves_step_by_step_and_back_on_an_alarm(template):
    groups = resources(template, "AWS::CodeDeploy::DeploymentGroup")
    alarms = {
        # A reference would be a circle: alarm, API, alias, deployments, alarm.
        "ProfileApiFunction": [{"Fn::Sub": f"${{AWS::StackName}}-{name}"} for name in ("ApiErrorsAlarm", "ApiLatencyAlarm")],
        "BackgroundSweepFunction": [{"Ref": "SweepErrorsAlarm"}],
    }
    assert set(groups) == {f"{name}DeploymentGroup" for name in alarms}
    for function, expected in alarms.items():
        group = groups[f"{function}DeploymentGroup"]
        assert template["Parameters"]["DeploymentType"]["Default"] in str(group["DeploymentConfigName"])
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        condition, gradually, at_once = group["AlarmConfiguration"]["Fn::If"]
        assert condition == "MovesTrafficGradually"
        assert gradually == {"Enabled": True, "Alarms": [{"Name": name} for name in expected]}
        assert at_once == {}, "an urgent repair must not be held up by the alarm that it is to end"
        update = template["Resources"][ALIASES[function]]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert update["DeploymentGroupName"] == {"Ref": f"{function}DeploymentGroup"}


def test_another_setting_publishes_a_version_of_both_functions(template):
    """CloudFormation replaces a version when its description changes; SAM names it by the code alone."""
    versions = resources(template, "AWS::Lambda::Version").values()
    assert {each["FunctionName"]["Ref"] for each in versions} == set(ALIASES)
    for version in versions:
        assert version["Description"] == {"Fn::Sub": "Settings ${SettingsVersion.VersionNumber}"}
    settings = resources(template, "AWS::AppConfig::HostedConfigurationVersion")["SettingsVersion"]["Content"]["Fn::Sub"]
    named = set(re.findall(r"\$\{(\w+)", settings[0]))
    used = set()
    for function in resources(template, "AWS::Lambda::Function").values():
        parts = [function["Environment"], function["LoggingConfig"]["ApplicationLogLevel"], function["Architectures"]]
        used |= {name for name in re.findall(r"'(?:Ref|Fn::GetAtt)': \[?'(\w+)'", str(parts))}
    secrets = {name for name, parameter in template["Parameters"].items() if parameter.get("NoEcho")}
    assert secrets.isdisjoint(named), "whoever may read the settings must not see a secret"
    assert used - secrets - {"Key"} == named - {"SealingKey"}
    assert settings[1] == {"SealingKey": {"Fn::If": ["SealsLocally", "local", arn("Key")]}}


def test_functions_get_every_variable_they_read(template):
    expected = {
        "ENTRA_AUTHORITY_HOST", "ENTRA_TENANT_ID", "ENTRA_CLIENT_ID", "ENTRA_APP_ID_URI", "ENTRA_CREDENTIAL", "ENTRA_CLIENT_SECRET",
        "ENTRA_CLIENT_SECRET_ARN", "ENTRA_CLIENT_CERTIFICATE_ARN", "ENTRA_ALLOWED_CLIENTS", "ENTRA_ALLOWED_TENANTS", "GRAPH_BASE_URL", "TABLE_NAME",
        "EVENT_BUS_NAME", "SEALING_KEY_ARN", "SEALING_LOCAL_KEY", "SEALING_KEY_ROTATION_DAYS", "TOKEN_CACHE_TTL_SECONDS", "SWEEP_IDLE_SECONDS", "SWEEP_INTERVAL_SECONDS",
        "SWEEP_SHARDS", "SWEEP_SHARDS_GENERATION", "SWEEP_SHARDS_DRAINING", "SWEEP_CONCURRENCY", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_EVENTBRIDGE",
        "AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    }  # fmt: skip
    for name, function in resources(template, "AWS::Lambda::Function").items():
        assert set(function["Environment"]["Variables"]) == expected, name
        variables = function["Environment"]["Variables"]
        assert variables["TABLE_NAME"] == {"Ref": "Table"}
        assert variables["SEALING_KEY_ARN"] == {"Fn::If": ["SealsLocally", "", arn("Key")]}, "one of two"
        assert variables["SEALING_LOCAL_KEY"] == {"Ref": "SealingLocalKey"}, "one of two"


def test_secrets_are_not_echoed_and_endpoints_are_aws_s_own(template):
    parameters = template["Parameters"]
    for name in ("EntraClientSecret", "SealingLocalKey"):
        assert parameters[name]["NoEcho"] is True, name
    for name in ("DynamoDbEndpoint", "EventBridgeEndpoint", "KmsEndpoint", "SecretsManagerEndpoint"):
        assert parameters[name]["Default"] == "", name
    assert parameters["SealingLocalKey"]["Default"] == "", "KMS seals, and there is no key that everybody knows"


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
    assert mapping["FunctionName"] == {"Ref": ALIASES["BackgroundSweepFunction"]}
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
