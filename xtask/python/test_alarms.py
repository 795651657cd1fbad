"""Alarms and dashboard of the translated template, against the runbook."""

import json
import re

import pytest

from translated import ROOT, resources, translate

OURS = "SharedTokenCache"
ALARMS = {
    "ApiErrorsAlarm", "ApiThrottlesAlarm", "ApiLatencyAlarm", "SweepErrorsAlarm", "SweepThrottlesAlarm", "FailedSweepTasksAlarm",
    "FailedSweepsAlarm", "OldestTaskAlarm", "SweepLagAlarm", "CredentialFaultAlarm", "RefreshFailureAlarm",
}  # fmt: skip


@pytest.fixture(scope="module")
def template():
    return translate()


@pytest.fixture(scope="module")
def alarms(template):
    return resources(template, "AWS::CloudWatch::Alarm")


@pytest.fixture(scope="module")
def widgets(template):
    (dashboard,) = resources(template, "AWS::CloudWatch::Dashboard").values()
    return json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]


@pytest.fixture(scope="module")
def runbook():
    return (ROOT / "docs/operations.md").read_text()


def metrics_of(alarm):
    """(namespace, name, dimensions, statistic) of all metrics that an alarm reads."""
    if "Metrics" in alarm:
        stats = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
        found = [(each["Metric"], each["Stat"]) for each in stats]
    else:
        found = [(alarm, alarm.get("Statistic") or alarm["ExtendedStatistic"])]
    for metric, statistic in found:
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions, statistic


def test_each_alarm_has_its_section_in_the_runbook(alarms, runbook):
    assert set(alarms) == ALARMS
    headings = set(re.findall(r"(?m)^### (\w+Alarm)$", runbook))
    assert headings == set(alarms), "an alarm that nobody knows what to do about, or a section for none"


def test_metrics_of_our_own_are_listed_in_the_runbook(alarms, widgets, runbook):
    named = {name for alarm in alarms.values() for space, name, _, _ in metrics_of(alarm) if space == OURS}
    named |= {metric[1] for widget in widgets for metric in widget["properties"].get("metrics", []) if metric[0] == OURS}
    assert len(named) > 15
    assert named <= set(re.findall(r"`(\w+)`", runbook))


def test_each_metric_is_that_of_the_right_resource(alarms):
    api, sweep = {"Ref": "ProfileApiFunction"}, {"Ref": "BackgroundSweepFunction"}
    queue = lambda name: {"QueueName": {"Fn::GetAtt": [name, "QueueName"]}}  # noqa: E731
    by_function = lambda function: {"FunctionName": function}  # noqa: E731
    http = {"ApiId": {"Ref": "Api"}}
    expected = {
        "ApiErrorsAlarm": [("AWS/ApiGateway", "5xx", http, "Sum"), ("AWS/ApiGateway", "Count", http, "Sum")],
        "ApiThrottlesAlarm": [("AWS/Lambda", "Throttles", by_function(api), "Sum")],
        "ApiLatencyAlarm": [("AWS/ApiGateway", "Latency", http, "p99")],
        "SweepErrorsAlarm": [("AWS/Lambda", "Errors", by_function(sweep), "Sum")],
        "SweepThrottlesAlarm": [("AWS/Lambda", "Throttles", by_function(sweep), "Sum")],
        "FailedSweepTasksAlarm": [("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue("FailedSweepTasks"), "Maximum")],
        "FailedSweepsAlarm": [("AWS/SQS", "ApproximateNumberOfMessagesVisible", queue("FailedSweeps"), "Maximum")],
        "OldestTaskAlarm": [("AWS/SQS", "ApproximateAgeOfOldestMessage", queue("SweepTasks"), "Maximum")],
        "SweepLagAlarm": [(OURS, "SweepLagSeconds", by_function(sweep), "Maximum")],
        "CredentialFaultAlarm": [(OURS, "CredentialFault", by_function(each), "Sum") for each in (api, sweep)],
        "RefreshFailureAlarm": [
            (OURS, name, by_function(sweep), "Sum") for name in ("TokenRefreshFailed", "TokenRefreshed")
        ],
    }
    assert {name: list(metrics_of(alarm)) for name, alarm in alarms.items()} == expected


def test_each_alarm_tells_the_topic_and_only_if_there_is_one(alarms):
    to_topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    for name, alarm in alarms.items():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == (to_topic, to_topic), name
        assert alarm["AlarmName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}, "deployments know alarms by name"
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"], name
        assert alarm["AlarmDescription"].endswith("."), name


def test_a_task_that_failed_once_does_not_count_as_waiting_too_long(template, alarms):
    visibility = template["Resources"]["SweepTasks"]["Properties"]["VisibilityTimeout"]
    assert alarms["OldestTaskAlarm"]["Threshold"] > visibility


def value(expression, **metrics):
    """A metric expression of CloudWatch for one point in time; a metric that is absent has no value."""
    fill = lambda metric, other: other if metric is None else metric  # noqa: E731
    choose = lambda condition, yes, no: yes() if condition else no()  # noqa: E731
    python = re.sub(r"^IF\((.*), (.*), (.*)\)$", r"choose(\1, lambda: \2, lambda: \3)", expression).replace("FILL(", "fill(")
    return eval(python, {"fill": fill, "choose": choose, **metrics})  # noqa: S307: it is our own template's


def expressions(alarm):
    return {each["Id"]: each["Expression"] for each in alarm["Metrics"] if "Expression" in each}


def test_few_errors_of_few_requests_are_no_alarm_and_a_tenth_of_the_traffic_is(alarms):
    alarm = alarms["ApiErrorsAlarm"]
    share = lambda errors, requests: value(expressions(alarm)["result"], errors=errors, requests=requests)  # noqa: E731
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert share(2, 2) <= alarm["Threshold"]
    assert share(5, 1000) <= alarm["Threshold"]
    assert share(10, 100) > alarm["Threshold"], "what a version does that fails always and has a tenth"


def test_a_refusal_of_the_credential_by_either_function_is_an_alarm(alarms):
    alarm = alarms["CredentialFaultAlarm"]
    for api, sweep in ((1, None), (None, 1)):
        assert value(expressions(alarm)["result"], api=api, sweep=sweep) >= alarm["Threshold"]
    assert value(expressions(alarm)["result"], api=0, sweep=None) < alarm["Threshold"]


def test_the_refresh_failure_rate_is_of_so_many_that_it_tells_something(alarms):
    alarm = alarms["RefreshFailureAlarm"]

    def rate(**metrics):
        steps = expressions(alarm)
        sums = {name: value(steps[name], **metrics) for name in ("failed", "refreshed")}
        return value(steps["result"], **sums)

    assert rate(failedBySweep=None, refreshedBySweep=None) <= alarm["Threshold"]
    assert rate(failedBySweep=9, refreshedBySweep=None) <= alarm["Threshold"], "too few to tell"
    assert rate(failedBySweep=12, refreshedBySweep=88) == 12 > alarm["Threshold"]
    assert rate(failedBySweep=5, refreshedBySweep=95) <= alarm["Threshold"]


def test_the_dashboard_shows_every_alarm_and_every_stage(alarms, widgets):
    (states,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]
    assert set(states) == {f"${{{name}.Arn}}" for name in alarms}
    graphs = [widget["properties"] for widget in widgets if widget["type"] == "metric"]
    assert len(graphs) == len(widgets) - 1
    assert all(graph["region"] == "${AWS::Region}" for graph in graphs)
    shown = {metric[1] for graph in graphs for metric in graph["metrics"] if metric[0] == OURS}
    assert {name for alarm in alarms.values() for space, name, _, _ in metrics_of(alarm) if space == OURS} <= shown


def test_widgets_lie_side_by_side(widgets):
    taken = set()
    for widget in widgets:
        places = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not places & taken, widget["properties"]["title"]
        assert max(x for x, _ in places) < 24, widget["properties"]["title"]
        taken |= places
