"""what services/kernel/telemetry.py records -> what is asked of it, in Kusto; alerts and workbook ask the same words

The exporter writes each instrument into the table AppMetrics under its own name, with its attributes in Properties and
the measurements of a minute in Sum, ItemCount and Max. Spans are in AppRequests and AppDependencies.
Source: learn.microsoft.com/azure/azure-monitor/reference/tables/appmetrics.
"""

from collections.abc import Iterable

from services.kernel.topology import Subscription

EVENT_TYPE = 'tostring(Properties["event.type"])'


def metric(name: str, **attributes: str) -> str:
    """The records of one instrument, with attributes as columns: column name -> attribute."""
    columns = "".join(f'\n| extend {column} = tostring(Properties["{key}"])' for column, key in attributes.items())
    return f'AppMetrics\n| where Name == "{name}"{columns}'


def backlog(measure: str) -> str:
    """The newest value of `age` or `depth` for each subscription."""
    records = metric(f"events.backlog.{measure}", Topic="topic", Subscription="subscription")
    return f"{records}\n| summarize Value = max(Sum / ItemCount) by Topic, Subscription, bin(TimeGenerated, 5m)"


def silent(subscriptions: Iterable[Subscription]) -> str:
    """Subscriptions that nobody has measured: their app does not run, or its telemetry does not arrive."""
    wanted = ", ".join(f'"{each.topic.name}/{each.name}"' for each in subscriptions)
    measured = metric("events.backlog.depth", Topic="topic", Name_="subscription")
    return (
        f"datatable(Subscription: string)[{wanted}]\n"
        f'| join kind=leftanti ({measured}\n| project Subscription = strcat(Topic, "/", Name_)) on Subscription'
    )


def failures() -> str:
    """Invocations of functions that ended in an error."""
    return "AppRequests\n| where Success == false\n| summarize Failures = sum(ItemCount) by AppRoleName, OperationName"


def faults() -> str:
    """What a handler or a store did that nobody expected."""
    return f'{metric("events", Outcome="outcome")}\n| where Outcome == "fault"\n| summarize Faults = sum(Sum)'


def fallback_share(least: int) -> str:
    """Percent of the answers to each question that rules gave; questions with fewer answers say nothing."""
    return (
        f"{metric('ai.answers', Question='question', Source='source')}\n"
        "| where Source in ('model', 'rules')\n"
        "| summarize Answers = sum(Sum), Rules = sumif(Sum, Source == 'rules') by Question\n"
        f"| where Answers >= {least}\n"
        "| project Question, Percent = 100.0 * Rules / Answers"
    )
