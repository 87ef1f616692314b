"""somebody is told, and what they are told is measured: alerts, workbook and logs against what the kernel records"""

import ast
import json
import re
from typing import Any

import pytest

from infra.names import slug
from infra.workbook import RANGE, TILES, serialized
from local.graph import ROOT, Graph, evaluate
from services.kernel.topology import Subscription, Topic, Topology
from services.registry import PATTERNS

METRIC, QUERY, GROUP = "monitor:MetricAlert", "monitor:ScheduledQueryRule", "monitor:ActionGroup"
TELEMETRY = (ROOT / "services/kernel/telemetry.py").read_text("utf-8")
DOOR = Topology("front_door", listens=(Subscription(Topic("orders"), "desk", ("placed",)),), http=True)


def instruments() -> dict[str, set[str]]:
    """What services/kernel/telemetry.py records: the name of each instrument, with all attributes it is given."""
    names: dict[str, str] = {}
    given: dict[str, set[str]] = {}
    local: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(TELEMETRY)):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=variable)],
                value=ast.Call(func=ast.Attribute(value=ast.Name("_meter")), args=[ast.Constant(value=str(name)), *_]),
            ):
                names[variable] = name
            case ast.Assign(targets=[ast.Name(id=variable)], value=ast.Dict() as literal):
                local[variable] = keys(literal)
            case _:
                pass
    for node in ast.walk(ast.parse(TELEMETRY)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=variable)), args=[_, attributes]) if variable in names:
                found = keys(attributes) if isinstance(attributes, ast.Dict) else local[ast.unparse(attributes)]
                given.setdefault(names[variable], set()).update(found)
            case _:
                pass
    return given


def keys(literal: ast.Dict) -> set[str]:
    return {key.value for key in literal.keys if isinstance(key, ast.Constant)}


def asked(query: str) -> list[tuple[str, set[str]]]:
    """Each instrument that a query reads, with the attributes that it takes of it."""
    parts = re.split(r'AppMetrics\s*\n\| where Name == "', query)[1:]
    return [(part.partition('"')[0], set(re.findall(r'Properties\["([^"]+)"\]', part))) for part in parts]


def conditions(graph: Graph) -> dict[str, dict[str, Any]]:
    return {rule.name: rule.inputs["criteria"]["allOf"][0] for rule in graph.of_type(QUERY)}


QUERIES = {tile.name: tile.query for tile in TILES} | {
    f"alert {name}": condition["query"] for name, condition in conditions(evaluate("dev")).items()
}


def test_the_instruments_were_found() -> None:
    assert instruments()["events.backlog.age"] == {"topic", "subscription"}
    assert instruments()["ai.answers"] == {"question", "event.type", "source"}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_what_the_kernel_records(name: str) -> None:
    recorded = instruments()

    for instrument, attributes in asked(QUERIES[name]):
        assert attributes <= recorded[instrument], f"{instrument} has no {attributes - recorded[instrument]}"


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_closes_what_it_opens_and_uses_only_columns_that_are_there(name: str) -> None:
    query = QUERIES[name]

    for opening, closing in ("()", "[]", "{}"):
        assert query.count(opening) == query.count(closing)
    assert query.count('"') % 2 == 0
    tables = set(re.findall(r"\bApp[A-Z]\w+", query)) - {"AppRoleName"}
    assert tables <= {"AppMetrics", "AppRequests"}


def test_what_an_alert_measures_and_splits_by_is_a_column_of_its_answer(dev: Graph) -> None:
    for name, condition in conditions(dev).items():
        wanted = {each["name"] for each in condition["dimensions"]}
        wanted |= {condition["metricMeasureColumn"]} if "metricMeasureColumn" in condition else set()
        last = condition["query"].rpartition("| summarize")[2] if "| project" not in condition["query"] else ""
        columns = last or condition["query"].rpartition("| project")[2]
        assert {column for column in wanted if not re.search(rf"\b{column}\b", columns)} == set(), name


def test_every_alert_fires_to_the_one_action_group_and_closes_by_itself(stack: Graph) -> None:
    group = stack.one(GROUP).id

    for alert in stack.of_type(METRIC):
        assert alert.inputs["actions"] == [{"actionGroupId": group}]
        assert (alert.inputs["enabled"], alert.inputs["autoMitigate"]) == (True, True)
        assert alert.inputs["description"].endswith(".")
    for alert in stack.of_type(QUERY):
        assert alert.inputs["actions"] == {"actionGroups": [group]}
        assert (alert.inputs["enabled"], alert.inputs["autoMitigate"]) == (True, True)
        assert alert.inputs["scopes"] == [stack.one("operationalinsights:Workspace").id]


def test_in_prod_somebody_is_in_the_action_group(prod: Graph) -> None:
    (receiver,) = prod.one(GROUP).inputs["emailReceivers"]

    assert receiver["emailAddress"] == "oncall@example.com"
    assert receiver["useCommonAlertSchema"] is True


@pytest.mark.parametrize(
    ("alert", "metric", "dimension", "threshold"),
    [
        ("dead-letters", "ActiveMessages", {"EntityName": ["dead-letters"]}, 0),
        ("native-dead-letters", "DeadletteredMessages", {"EntityName": ["*"]}, 0),
        ("service-bus-throttling", "ThrottledRequests", {}, 20),
        ("cosmos-throttling", "TotalRequests", {"StatusCode": ["429"]}, 20),
        ("model-throttling", "AzureOpenAIRequests", {"StatusCode": ["429"]}, 20),
    ],
)
def test_a_metric_of_azure_s_is_watched(
    alert: str, metric: str, dimension: dict[str, Any], threshold: float, dev: Graph
) -> None:
    (criterion,) = dev.one(METRIC, alert).inputs["criteria"]["allOf"]

    assert (criterion["metricName"], criterion["operator"], criterion["threshold"]) == (
        metric,
        "GreaterThan",
        threshold,
    )
    assert {each["name"]: each["values"] for each in criterion.get("dimensions", ())} == dimension


def test_a_model_of_somebody_else_s_has_no_metric_to_watch(local: Graph) -> None:
    assert "model-throttling" not in {alert.name for alert in local.of_type(METRIC)}
    assert "fallback-share" in conditions(local)  # which still tells that it does not answer


def test_thresholds_are_those_of_the_configuration() -> None:
    said = {
        "alerts:backlogSeconds": "60", "alerts:backlogMessages": "7", "alerts:failures": "3",
        "alerts:fallbackPercent": "33", "alerts:throttled": "9",
    }  # fmt: skip

    graph = evaluate("dev", config_overrides=said)

    thresholds = {name: condition["threshold"] for name, condition in conditions(graph).items()}
    assert thresholds == {
        "backlog-age": 60, "backlog-depth": 7, "function-failures": 3, "fallback-share": 33, "faults": 0, "silence": 0,
    }  # fmt: skip
    assert graph.one(METRIC, "cosmos-throttling").inputs["criteria"]["allOf"][0]["threshold"] == 9


def test_a_new_subscription_is_missed_when_it_falls_silent() -> None:
    graph = evaluate("dev", patterns=[DOOR])

    assert 'datatable(Subscription: string)["orders/desk"]' in conditions(graph)["silence"]["query"]
    # and a stack that listens to nothing misses nothing
    assert "silence" not in conditions(evaluate("dev", patterns=[]))


def test_a_door_is_tried_from_outside_and_must_refuse_who_has_not_signed_in() -> None:
    graph = evaluate("prod", patterns=[DOOR])

    test, alert = graph.one("applicationinsights:WebTest").inputs, graph.one(METRIC, "front-door-answers").inputs
    component = graph.one("applicationinsights:Component").id
    assert test["request"]["requestUrl"] == f"https://{graph.exports['functionHosts']['front_door']}/api/"
    assert test["validationRules"]["expectedHttpStatusCode"] == 401
    assert test["validationRules"]["sSLCheck"] is True
    assert test["tags"][f"hidden-link:{component}"] == "Resource"
    assert alert["scopes"] == [graph.one("applicationinsights:WebTest").id, component]
    assert alert["criteria"]["failedLocationCount"] < len(test["locations"])
    # where nobody pays for it, nobody tries
    assert not evaluate("dev", patterns=[DOOR]).of_type("applicationinsights:WebTest")


def test_every_door_of_prod_is_guarded_tried_and_closed_to_who_is_not_named(prod: Graph) -> None:
    """The three go together: what is tried must be let in by the firewall, and refused by sign-in."""
    doors = {slug(each.name) for each in PATTERNS if each.http}

    tried = {each.name.removesuffix("-answers") for each in prod.of_type("applicationinsights:WebTest")}
    signed = {each.name.removesuffix("-sign-in") for each in prod.of_type("web:WebAppAuthSettingsV2")}
    let_in = {
        app.name
        for app in prod.of_type("web:WebApp")
        if "ApplicationInsightsAvailability"
        in {each["ipAddress"] for each in app.inputs["siteConfig"]["ipSecurityRestrictions"]}
    }

    assert doors
    assert tried == signed == let_in == doors


def test_the_workbook_shows_events_cost_and_latency_per_event_type(dev: Graph) -> None:
    workbook = json.loads(dev.one("applicationinsights:Workbook").inputs["serializedData"])

    assert workbook["version"] == "Notebook/1.0"
    text, parameters, *tiles = workbook["items"]
    assert (text["type"], parameters["type"]) == (1, 9)
    assert {tile["type"] for tile in tiles} == {3}
    by_type = tiles[0]["content"]["query"]
    assert {name for name, _ in asked(by_type)} == {"events", "ai.cost", "ai.tokens", "events.latency"}
    for column in ("EventType", "Events", "Dollars", "DollarsPerThousand", "Seconds"):
        assert column in by_type.rpartition("| project")[2]


def test_every_tile_is_asked_over_the_range_that_the_reader_picks() -> None:
    workbook = json.loads(serialized())
    (parameter,) = workbook["items"][1]["content"]["parameters"]

    assert parameter["name"] == RANGE
    for tile in workbook["items"][2:]:
        assert tile["content"]["timeContextFromParameter"] == RANGE
        assert set(re.findall(r"\{(\w+):\w+\}", tile["content"]["query"])) <= {RANGE}
        assert tile["content"]["queryType"] == 0
    names = [item["name"] for item in workbook["items"]]
    assert len(set(names)) == len(names)


def test_the_workbook_keeps_its_name_and_its_text(dev: Graph) -> None:
    workbook = dev.one("applicationinsights:Workbook").inputs

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", workbook["resourceName"])
    assert workbook["serializedData"] == serialized()
    assert workbook["sourceId"] == dev.one("operationalinsights:Workspace").id


def test_whatever_keeps_logs_sends_them_to_the_workspace(stack: Graph) -> None:
    workspace = stack.one("operationalinsights:Workspace").id
    settings = {each.inputs["resourceUri"]: each.inputs for each in stack.of_type("monitor:DiagnosticSetting")}

    for type_ in (
        "servicebus:Namespace", "cosmosdb:DatabaseAccount", "keyvault:Vault", "storage:BlobServiceProperties",
        "operationalinsights:Workspace", "web:WebApp", "cognitiveservices:Account",
    ):  # fmt: skip
        for resource in stack.of_type(type_):
            assert settings[resource.id]["workspaceId"] == workspace
            assert settings[resource.id]["logs"]
            assert settings[resource.id]["metrics"] == [{"category": "AllMetrics", "enabled": True}]


def test_the_bill_is_watched_from_a_fixed_day_on(prod: Graph, dev: Graph) -> None:
    budget = prod.one("consumption:Budget").inputs

    assert (budget["amount"], budget["timeGrain"]) == (3000, "Monthly")
    assert budget["timePeriod"] == {"startDate": "2026-12-01T00:00:00Z"}
    assert budget["scope"] == prod.one("resources:ResourceGroup").id
    assert {each["threshold"] for each in budget["notifications"].values()} == {50, 80, 100}
    assert {tuple(each["contactGroups"]) for each in budget["notifications"].values()} == {(prod.one(GROUP).id,)}
    assert dev.one("consumption:Budget").inputs["amount"] == 50


def test_nothing_in_the_program_asks_what_day_it_is() -> None:
    """Or a second `pulumi up`, on another day, would change things."""
    for path in (ROOT / "infra").glob("*.py"):
        calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        assert not [call for call in calls if re.search(r"\b(today|now|utcnow|time|monotonic)$", call)], path.name
