"""questions that an operator asks every day -> an Azure Monitor workbook: events, cost and latency per event type

The format is the portal's own ("Notebook/1.0"): a list of items of which 1 is text, 3 a query and 9 the parameters.
Source: github.com/microsoft/Application-Insights-Workbooks, schema/workbook.json.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from infra.queries import EVENT_TYPE, backlog, metric

TEXT, QUERY, PARAMETERS = 1, 3, 9
RANGE = "TimeRange"
HOURS = (1, 4, 24, 72, 168, 720)
OF_TYPE = f"| extend EventType = {EVENT_TYPE}"


@dataclass(frozen=True)
class Tile:
    """One question and how its answer is shown."""

    name: str
    title: str
    query: str
    shown: Literal["table", "timechart", "barchart"] = "table"
    half: bool = False


TILES = (
    Tile("by-type", "Per event type: how many, what they cost, how long they took", f"""
let events = {metric("events", Outcome="outcome")}
{OF_TYPE}
| summarize Events = sum(Sum), Parked = sumif(Sum, Outcome == "park"), Retried = sumif(Sum, Outcome == "retry")
    by EventType;
let cost = {metric("ai.cost")}
{OF_TYPE}
| summarize Dollars = sum(Sum) by EventType;
let tokens = {metric("ai.tokens")}
{OF_TYPE}
| summarize Tokens = sum(Sum) by EventType;
let latency = {metric("events.latency")}
{OF_TYPE}
| summarize Seconds = sum(Sum) / sum(ItemCount), Slowest = max(Max) by EventType;
events
| join kind=leftouter cost on EventType
| join kind=leftouter tokens on EventType
| join kind=leftouter latency on EventType
| project EventType, Events, Parked, Retried, Dollars = round(Dollars, 4), Tokens,
    DollarsPerThousand = round(1000.0 * Dollars / Events, 3), Seconds = round(Seconds, 1), Slowest = round(Slowest, 1)
| order by Events desc
"""),
    Tile("events", "Events by outcome", f"""
{metric("events", Outcome="outcome")}
| summarize Events = sum(Sum) by Outcome, bin(TimeGenerated, {{{RANGE}:grain}})
""", "timechart", half=True),
    Tile("cost", "Dollars by event type", f"""
{metric("ai.cost")}
{OF_TYPE}
| summarize Dollars = sum(Sum) by EventType, bin(TimeGenerated, {{{RANGE}:grain}})
""", "timechart", half=True),
    Tile("latency", "Seconds from enqueued to settled, on average", f"""
{metric("events.latency")}
{OF_TYPE}
| summarize Seconds = sum(Sum) / sum(ItemCount) by EventType, bin(TimeGenerated, {{{RANGE}:grain}})
""", "timechart", half=True),
    Tile("handling", "Seconds that handling took, in the slowest twentieth", """
AppRequests
| extend EventType = tostring(Properties["event.type"])
| where isnotempty(EventType)
| summarize P50 = percentile(DurationMs, 50) / 1000, P95 = percentile(DurationMs, 95) / 1000,
    P99 = percentile(DurationMs, 99) / 1000 by EventType
| order by P95 desc
""", half=True),
    Tile("answers", "Who answered", f"""
{metric("ai.answers", Question="question", Source="source")}
| summarize Answers = sum(Sum) by Question, Source
""", "barchart", half=True),
    Tile("model", "Seconds that the model took, by model", f"""
{metric("gen_ai.client.inference.duration", Model="gen_ai.response.model")}
| summarize Seconds = sum(Sum) / sum(ItemCount) by Model, bin(TimeGenerated, {{{RANGE}:grain}})
""", "timechart", half=True),
    Tile("age", "Age of the oldest waiting message, in seconds", f"""
{backlog("age")}
| extend Where = strcat(Topic, "/", Subscription)
| project TimeGenerated, Where, Value
""", "timechart", half=True),
    Tile("depth", "Waiting messages (250 are counted at most; of sessions, how many wait)", f"""
{backlog("depth")}
| extend Where = strcat(Topic, "/", Subscription)
| project TimeGenerated, Where, Value
""", "timechart", half=True),
)  # fmt: skip


def serialized() -> str:
    """The workbook as the resource takes it; the same text each time."""
    content = {
        "version": "Notebook/1.0",
        "items": list(_items()),
        "fallbackResourceIds": [],
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    }
    return json.dumps(content, sort_keys=True)


def _items() -> Iterator[dict[str, Any]]:
    yield {
        "type": TEXT,
        "name": "head",
        "content": {"json": "## Events, cost and latency\nRecorded by `services/kernel/telemetry.py`."},
    }
    yield {
        "type": PARAMETERS,
        "name": "parameters",
        "content": {
            "version": "KqlParameterItem/1.0",
            "style": "pills",
            "parameters": [
                {
                    "id": "6d1f2a3e-8a51-4b7a-9a51-0d6f6c3f1d10",
                    "version": "KqlParameterItem/1.0",
                    "name": RANGE,
                    "type": 4,
                    "isRequired": True,
                    "value": {"durationMs": 24 * 3_600_000},
                    "typeSettings": {"selectableValues": [{"durationMs": hours * 3_600_000} for hours in HOURS]},
                }
            ],
        },
    }
    for tile in TILES:
        yield {
            "type": QUERY,
            "name": tile.name,
            "customWidth": "50" if tile.half else "100",
            "content": {
                "version": "KqlItem/1.0",
                "query": tile.query.strip(),
                "size": 0,
                "title": tile.title,
                "timeContextFromParameter": RANGE,
                "queryType": 0,
                "resourceType": "microsoft.operationalinsights/workspaces",
                "visualization": tile.shown,
            },
        }
