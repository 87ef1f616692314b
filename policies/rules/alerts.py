"""what goes wrong without an error: somebody is told, and the telling reaches a person"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from policies.naming import listeners, name_at
from policies.resources import Resource, Stack
from policies.rule import EXAMPLE_DAY, Rule, alone, is_on
from services.entities import DEAD_LETTERS
from services.kernel.topology import Subscription, Topic, Topology

METRIC, QUERY = "monitor:MetricAlert", "monitor:ScheduledQueryRule"
GROUP, TEST, APP = "monitor:ActionGroup", "applicationinsights:WebTest", "web:WebApp"
RECEIVERS = ("email", "sms", "webhook", "logicApp", "azureFunction", "azureAppPush", "armRole", "eventHub", "itsm")


def _acts(alert: Resource, stack: Stack) -> Iterator[str]:
    yield from is_on("enabled")(alert, stack)
    path = "actions" if alert.type == METRIC else "actions.actionGroups"
    if not alert.sequence(path):
        yield f"{path} is empty"


def _is_unhurried(alert: Resource, _: Stack) -> Iterator[str]:
    pace = alert.get("evaluationFrequency")
    if pace is None or pace == "PT1M":
        yield f"evaluationFrequency is {pace or 'not set'}"


def _reaches(group: Resource, _: Stack) -> Iterator[str]:
    if not any(group.sequence(f"{kind}Receivers") for kind in RECEIVERS):
        yield "it has no receiver"


def _metrics(stack: Stack, metric: str, dimension: str, above: float | None = None) -> set[str]:
    """The values of a dimension that alerts on a metric look at."""
    return {
        str(value)
        for alert in stack.of_type(METRIC)
        for criterion in alert.objects("criteria.allOf")
        if criterion.get("metricName") == metric and above in (None, criterion.get("threshold"))
        for each in _objects(criterion.get("dimensions"))
        if each.get("name") == dimension
        for value in _list(each.get("values"))
    }


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    return (cast("Mapping[str, Any]", each) for each in _list(value) if isinstance(each, Mapping))


def _list(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _queries(stack: Stack) -> list[str]:
    return [str(each.get("query")) for rule in stack.of_type(QUERY) for each in rule.objects("criteria.allOf")]


def _parked_is_told(queue: Resource, stack: Stack) -> Iterator[str]:
    name = name_at(queue, "queueName", stack)
    if name != DEAD_LETTERS.name:
        return
    if not {name, "*"} & _metrics(stack, "ActiveMessages", "EntityName", above=0):
        yield f"no alert fires when ActiveMessages of {name} is above 0"
    if "*" not in _metrics(stack, "DeadletteredMessages", "EntityName", above=0):
        yield "no alert fires when DeadletteredMessages of any entity (EntityName *) is above 0"


def _backlog_is_told(subscription: Resource, stack: Stack) -> Iterator[str]:
    if not any(listeners(subscription, stack)):
        return
    queries = _queries(stack)
    for measure in ("events.backlog.age", "events.backlog.depth"):
        if not any(measure in query and "by Topic, Subscription" in query for query in queries):
            yield f"no alert looks at {measure} of each subscription"
    name = "/".join(str(name_at(subscription, key, stack)) for key in ("topicName", "subscriptionName"))
    if not any(f'"{name}"' in query and "leftanti" in query for query in queries):
        yield f"no alert fires when nobody measures {name}"


THROTTLED = {"cosmosdb:DatabaseAccount": "TotalRequests", "cognitiveservices:Account": "AzureOpenAIRequests"}


def _throttling_is_told(account: Resource, stack: Stack) -> Iterator[str]:
    metric = THROTTLED[account.type]
    if "429" not in _metrics(stack, metric, "StatusCode"):
        yield f"no alert looks at {metric} with StatusCode 429"


def _failures_are_told(app: Resource, stack: Stack) -> Iterator[str]:
    queries = _queries(stack)
    if not any("AppRequests" in query and "Success == false" in query for query in queries):
        yield "no alert looks at failed invocations (AppRequests)"
    pattern = stack.pattern_of(app)
    if pattern and pattern.asks and not any("ai.answers" in query and "'rules'" in query for query in queries):
        yield "no alert looks at the share of answers that rules gave (ai.answers)"


def _door_is_tried(app: Resource, stack: Stack) -> Iterator[str]:
    pattern = stack.pattern_of(app)
    if pattern is None or not pattern.http:
        return
    refused = 401
    tests = [each for each in stack.of_type(TEST) if str(each.get("webTestName")).startswith(f"{app.name}-")]
    if not tests:
        yield "no web test calls it"
    for test in tests:
        expected = test.get("validationRules.expectedHttpStatusCode")
        if expected != refused:
            yield f"{test.name} expects {expected}, not {refused}: a door that is open would pass"


# -- examples -------------------------------------------------------------------------------------------------------


def _with(*resources: Resource, patterns: tuple[Topology, ...] = ()) -> Stack:
    return Stack(resources, EXAMPLE_DAY, patterns)


def _metric_alert(metric: str, dimension: str, value: str, above: float = 0) -> Resource:
    dimensions = [{"name": dimension, "operator": "Include", "values": [value]}]
    criterion = {"metricName": metric, "threshold": above, "dimensions": dimensions}
    return Resource(METRIC, f"on-{metric}", {"criteria": {"allOf": [criterion]}})


def _throttled(type_: str, metric: str, status: str) -> Stack:
    return _with(Resource(type_, "mine", {}), _metric_alert(metric, "StatusCode", status))


def _query_alert(*queries: str) -> tuple[Resource, ...]:
    return tuple(
        Resource(QUERY, f"query-{n}", {"criteria": {"allOf": [{"query": query}]}}) for n, query in enumerate(queries)
    )


QUEUE = Resource("servicebus:Queue", "dead-letters", {"queueName": DEAD_LETTERS.name})
PARKED = _metric_alert("ActiveMessages", "EntityName", DEAD_LETTERS.name)
NATIVE = _metric_alert("DeadletteredMessages", "EntityName", "*")
LISTENER = Resource("servicebus:Subscription", "analyst", {"topicName": "orders", "subscriptionName": "analyst"})
LISTENING = (Topology("example", listens=(Subscription(Topic("orders"), "analyst", ()),)),)
AGE, DEPTH = (
    f'AppMetrics | where Name == "events.backlog.{it}" | summarize by Topic, Subscription' for it in ("age", "depth")
)
SILENCE = 'datatable(Subscription: string)["orders/analyst"] | join kind=leftanti (AppMetrics) on Subscription'
FAILED = "AppRequests | where Success == false"
FALLBACKS = "AppMetrics | where Name == \"ai.answers\" | summarize sumif(Sum, Source == 'rules')"
ANSWERING = Resource(APP, "example", {}, {"name": "example1"})
ASKING, CALLED = (Topology("example", asks=("small",)),), (Topology("example", http=True),)


def _test(status: int) -> Resource:
    expected = {"expectedHttpStatusCode": status}
    return Resource(TEST, "example-answers", {"webTestName": "example-answers", "validationRules": expected})


ACTS = Rule(
    id="alert-acts",
    title="An alert that fires tells somebody",
    why="An alert without an action group is a row in a table that nobody has open at night.",
    remedy="Create it through infra/alerts.py, which gives it the action group.",
    severity="high",
    about=(METRIC, QUERY),
    check=_acts,
    passes=alone(METRIC, {"enabled": True, "actions": [{"actionGroupId": "/actionGroups/on-call"}]})
    + alone(QUERY, {"enabled": True, "actions": {"actionGroups": ["/actionGroups/on-call"]}}),
    fails=alone(METRIC, {"enabled": True}, {"enabled": False, "actions": [{"actionGroupId": "/actionGroups/on-call"}]})
    + alone(QUERY, {"enabled": True, "actions": {"actionGroups": []}}, {"enabled": True}),
)

CLOSES = Rule(
    id="alert-closes",
    title="An alert closes when its reason is gone",
    why="What stays open by itself is soon not looked at, and fires no second time.",
    remedy="Set auto_mitigate=True.",
    severity="low",
    sources=("Azure.Alert.MetricAutoMitigate (AZR-000491)",),
    about=(METRIC, QUERY),
    check=is_on("autoMitigate"),
    passes=alone(METRIC, {"autoMitigate": True}) + alone(QUERY, {"autoMitigate": True}),
    fails=alone(METRIC, {"autoMitigate": False}, {}) + alone(QUERY, {}),
)

UNHURRIED = Rule(
    id="alert-query-pace",
    title="A query runs every five minutes or less often",
    why="Each run is paid for, and telemetry takes minutes to arrive anyway.",
    remedy='Set evaluation_frequency="PT5M".',
    severity="low",
    sources=("Azure.Alert.HighFrequencyQuery (AZR-000492)",),
    about=(QUERY,),
    check=_is_unhurried,
    passes=alone(QUERY, {"evaluationFrequency": "PT5M"}),
    fails=alone(QUERY, {"evaluationFrequency": "PT1M"}, {}),
)

REACHES = Rule(
    id="alert-reaches-somebody",
    title="The action group has somebody in it",
    why="All alerts go there; with no receiver they go nowhere.",
    remedy="""Run `pulumi config set alerts:emails '["oncall@example.com"]'`.""",
    severity="high",
    dev="advisory",
    about=(GROUP,),
    check=_reaches,
    passes=alone(GROUP, {"emailReceivers": [{"name": "on-call", "emailAddress": "oncall@example.com"}]}),
    fails=alone(GROUP, {}, {"emailReceivers": []}),
)

PARKED_TOLD = Rule(
    id="alert-dead-letters",
    title="Somebody is told of every dead letter",
    why="A parked event waits for a person; without an alert for the first one it waits until a customer calls.",
    remedy="Keep `dead-letters` and `native-dead-letters` in infra/alerts.py, both at a threshold of 0.",
    severity="high",
    scope="stack",
    about=("servicebus:Queue",),
    check=_parked_is_told,
    passes=(_with(QUEUE, PARKED, NATIVE),),
    fails=(
        _with(QUEUE),
        _with(QUEUE, PARKED),
        _with(QUEUE, NATIVE, _metric_alert("ActiveMessages", "EntityName", "another")),
        _with(QUEUE, NATIVE, _metric_alert("ActiveMessages", "EntityName", DEAD_LETTERS.name, above=10)),
    ),
)

BACKLOG_TOLD = Rule(
    id="alert-backlog",
    title="Somebody is told when a subscription falls behind, or silent",
    why="Azure has no metric for a subscription's backlog; ours says nothing when the app that measures does not run.",
    remedy="Keep `backlog-age`, `backlog-depth` and `silence` in infra/alerts.py.",
    severity="high",
    scope="stack",
    about=("servicebus:Subscription",),
    check=_backlog_is_told,
    passes=(_with(LISTENER, *_query_alert(AGE, DEPTH, SILENCE), patterns=LISTENING), _with(LISTENER)),
    fails=(
        _with(LISTENER, patterns=LISTENING),
        _with(LISTENER, *_query_alert(DEPTH, SILENCE), patterns=LISTENING),
        _with(LISTENER, *_query_alert(AGE, SILENCE), patterns=LISTENING),
        _with(LISTENER, *_query_alert(AGE, DEPTH), patterns=LISTENING),
        _with(LISTENER, *_query_alert(AGE, DEPTH, SILENCE.replace("analyst", "other")), patterns=LISTENING),
    ),
)

THROTTLING_TOLD = Rule(
    id="alert-throttling",
    title="Somebody is told when a service refuses for having too much",
    why="Events then come through late, or answered by rules; nobody sees it but in the bill or the backlog.",
    remedy="Keep `cosmos-throttling` and `model-throttling` in infra/alerts.py.",
    severity="medium",
    scope="stack",
    about=tuple(THROTTLED),
    check=_throttling_is_told,
    passes=tuple(_throttled(each, it, "429") for each, it in THROTTLED.items()),
    fails=tuple(_throttled(each, it, "500") for each, it in THROTTLED.items()),
)

FAILURES_TOLD = Rule(
    id="alert-failures",
    title="Somebody is told when functions fail, or rules answer for the model",
    why="Both look like work being done: the one repeats until the delivery count ends, the other is only less good.",
    remedy="Keep `function-failures` and `fallback-share` in infra/alerts.py.",
    severity="high",
    scope="stack",
    about=(APP,),
    check=_failures_are_told,
    passes=(
        _with(ANSWERING, *_query_alert(FAILED, FALLBACKS), patterns=ASKING),
        _with(ANSWERING, *_query_alert(FAILED)),
    ),
    fails=(_with(ANSWERING), _with(ANSWERING, *_query_alert(FAILED), patterns=ASKING)),
)

DOOR_TRIED = Rule(
    id="alert-availability",
    title="Doors are tried from outside",
    why="Who cannot get in sends no event, and an event that never came is in no queue and no metric.",
    remedy="Run `pulumi config set alerts:availability true`.",
    severity="medium",
    dev="advisory",
    scope="stack",
    about=(APP,),
    check=_door_is_tried,
    passes=(_with(ANSWERING, _test(401), patterns=CALLED), _with(ANSWERING, patterns=ASKING)),
    fails=(_with(ANSWERING, patterns=CALLED), _with(ANSWERING, _test(200), patterns=CALLED)),
)

RULES = (
    ACTS, CLOSES, UNHURRIED, REACHES, PARKED_TOLD, BACKLOG_TOLD, THROTTLING_TOLD, FAILURES_TOLD, DOOR_TRIED,
)  # fmt: skip
