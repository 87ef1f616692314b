"""thresholds from the configuration -> alert rules, all to one action group, all closing by themselves

Azure's own metrics where it has them: they arrive within a minute. Where only our telemetry knows (age and depth of a
subscription, fallbacks, faults), a query over the workspace every five minutes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pulumi import Input, Output, Resource, ResourceOptions
from pulumi_azure_native import monitor

from infra import config, queries
from infra.place import Place
from services.entities import DEAD_LETTERS
from services.kernel.topology import Subscription

Severity = Literal[0, 1, 2, 3]
"""0 wakes somebody up; 3 can wait for the morning."""

ENOUGH_ANSWERS = 20
"""Below, one fallback would be a share worth an alarm."""

SERVICE_BUS = "Microsoft.ServiceBus/Namespaces"
COSMOS = "Microsoft.DocumentDB/databaseAccounts"
MODEL = "Microsoft.CognitiveServices/accounts"


@dataclass(frozen=True)
class Metric:
    """More than `above` of a metric of Azure's within five minutes."""

    name: str
    why: str
    severity: Severity
    on: Input[str]
    namespace: str
    metric: str
    how: Literal["Total", "Maximum", "Count"]
    above: float
    where: Mapping[str, str] = field(default_factory=dict[str, str])
    """Dimension -> value; `*` judges each value by itself."""


@dataclass(frozen=True)
class Query:
    """More than `above` in a column of a query's answer, or more than so many rows; `each` is judged by itself."""

    name: str
    why: str
    severity: Severity
    query: str
    above: float
    column: str | None = None
    each: Sequence[str] = ()
    window: Literal["PT5M", "PT15M", "PT1H"] = "PT15M"


@dataclass(frozen=True)
class Watched:
    """What alerts are about."""

    namespace: Output[str]
    account: Output[str]
    model: Output[str] | None
    """The model account, where it is ours."""
    subscriptions: Sequence[Subscription]


def rules(limits: config.Alerts, watched: Watched) -> list[Metric | Query]:
    """Everything that somebody is told of, but availability, which is in `availability.py`."""
    queue = DEAD_LETTERS.name
    return [
        Metric("dead-letters", f"Something is parked in the queue {queue}: look, mend, replay.", 1,
               watched.namespace, SERVICE_BUS, "ActiveMessages", "Maximum", 0, {"EntityName": queue}),
        Metric("native-dead-letters", "Service Bus gave up on a message and kept it where it was: replay it there.",
               1, watched.namespace, SERVICE_BUS, "DeadletteredMessages", "Maximum", 0, {"EntityName": "*"}),
        Metric("service-bus-throttling", "Service Bus refuses requests: more units, or less at once.", 2,
               watched.namespace, SERVICE_BUS, "ThrottledRequests", "Total", limits.throttled),
        Metric("cosmos-throttling", "Cosmos DB answers 429: raise documents:requestUnits, or spread a hot partition.",
               2, watched.account, COSMOS, "TotalRequests", "Count", limits.throttled, {"StatusCode": "429"}),
        *_model(limits, watched),
        Query("backlog-age", "The oldest message of a subscription waits long: does its app run, is the model slow?", 1,
              queries.backlog("age"), limits.backlog_seconds, "Value", ("Topic", "Subscription")),
        Query("backlog-depth", "More is waiting at a subscription than it works off.", 2,
              queries.backlog("depth"), limits.backlog_messages, "Value", ("Topic", "Subscription")),
        *_silence(watched),
        Query("function-failures", "A function fails again and again.", 1,
              queries.failures(), limits.failures, "Failures", ("AppRoleName", "OperationName")),
        Query("faults", "A handler or a store did what nobody expected: the trace says what.", 1,
              queries.faults(), 0, "Faults"),
        Query("fallback-share", "Rules answer in place of the model: it is down, throttled or over its budget.", 2,
              queries.fallback_share(ENOUGH_ANSWERS), limits.fallback_percent, "Percent", ("Question",), "PT1H"),
    ]  # fmt: skip


def _model(limits: config.Alerts, watched: Watched) -> list[Metric]:
    if watched.model is None:  # somebody else's, who tells us nothing; what comes of it shows as fallbacks and backlog
        return []
    return [
        Metric("model-throttling", "The model answers 429: raise the capacity of its deployment, or send less at once.",
               2, watched.model, MODEL, "AzureOpenAIRequests", "Total", limits.throttled, {"StatusCode": "429"}),
    ]  # fmt: skip


def _silence(watched: Watched) -> list[Query]:
    if not watched.subscriptions:
        return []
    return [
        Query("silence", "Nobody measures a subscription: its app does not run, or its telemetry does not arrive.", 1,
              queries.silent(watched.subscriptions), 0, each=("Subscription",)),
    ]  # fmt: skip


def by_metric(alert: Metric, group: Output[str], place: Place, parent: Resource) -> monitor.MetricAlert:
    """Create the rule for a metric of Azure's."""
    return monitor.MetricAlert(
        alert.name,
        resource_group_name=place.group,
        location="global",
        tags=place.tags,
        description=alert.why,
        severity=alert.severity,
        enabled=True,
        auto_mitigate=True,
        scopes=[alert.on],
        evaluation_frequency="PT1M",
        window_size="PT5M",
        criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
            odata_type="Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
            all_of=[
                monitor.MetricCriteriaArgs(
                    criterion_type="StaticThresholdCriterion",
                    name=alert.name,
                    metric_namespace=alert.namespace,
                    metric_name=alert.metric,
                    operator=monitor.Operator.GREATER_THAN,
                    threshold=alert.above,
                    time_aggregation=alert.how,
                    dimensions=[
                        monitor.MetricDimensionArgs(name=name, operator="Include", values=[value])
                        for name, value in alert.where.items()
                    ],
                )
            ],
        ),
        actions=[monitor.MetricAlertActionArgs(action_group_id=group)],
        opts=ResourceOptions(parent=parent),
    )


def by_query(
    alert: Query, group: Output[str], workspace: Output[str], place: Place, parent: Resource
) -> monitor.ScheduledQueryRule:
    """Create the rule for a query over the workspace.

    Azure checks a query when the rule is created, and the tables of Application Insights only exist once something
    has been written to them: so that check is left out.
    """
    return monitor.ScheduledQueryRule(
        alert.name,
        resource_group_name=place.group,
        location=place.location,
        tags=place.tags,
        kind=monitor.Kind.LOG_ALERT,
        display_name=alert.name,
        description=alert.why,
        severity=alert.severity,
        enabled=True,
        auto_mitigate=True,
        skip_query_validation=True,
        scopes=[workspace],
        evaluation_frequency="PT5M",
        window_size=alert.window,
        criteria=monitor.ScheduledQueryRuleCriteriaArgs(
            all_of=[
                monitor.ConditionArgs(
                    query=alert.query,
                    metric_measure_column=alert.column,
                    time_aggregation=monitor.TimeAggregation.MAXIMUM if alert.column else monitor.TimeAggregation.COUNT,
                    operator=monitor.ConditionOperator.GREATER_THAN,
                    threshold=alert.above,
                    dimensions=[
                        monitor.DimensionArgs(name=name, operator=monitor.DimensionOperator.INCLUDE, values=["*"])
                        for name in alert.each
                    ],
                    failing_periods=monitor.ConditionFailingPeriodsArgs(
                        number_of_evaluation_periods=1, min_failing_periods_to_alert=1
                    ),
                )
            ]
        ),
        actions=monitor.ActionsArgs(action_groups=[group]),
        opts=ResourceOptions(parent=parent),
    )
