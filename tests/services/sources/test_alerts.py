"""Azure Monitor's common alert schema -> `alert_fired`"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.problem import Problem
from services.sources.alerts import LARGEST, alert_event, read_alert
from tests.services.sources.alerts import ALERT, alert


def read(content: Any) -> Any:
    return read_alert(json.dumps(content).encode())


def id_of(content: Any) -> str:
    return alert_event(read(content), "azure").get_id()


def test_each_thing_that_happened_has_an_id_of_its_own() -> None:
    resolved = {"monitorCondition": "Resolved", "resolvedDateTime": "2026-11-22T10:00:00Z"}
    happened = [
        ALERT,
        alert(alertId="/another"),
        alert(firedDateTime="2026-11-22T11:00:00Z"),
        alert(**resolved),
        alert(**resolved | {"resolvedDateTime": "2026-11-22T12:00:00Z"}),
    ]

    assert len({id_of(each) for each in happened}) == len(happened)
    assert id_of(ALERT) == id_of(alert(description="told in other words"))


def test_an_alert_is_not_refused_for_being_wordy_or_for_saying_little() -> None:
    wordy = read(alert(description="x" * 30_000, alertTargetIDs=[f"/target/{number}" for number in range(500)]))
    terse = read(alert(description=None, alertTargetIDs=[]))

    assert len(wordy.description) == 2_000
    assert len(wordy.targets) == 50
    assert (terse.description, terse.targets) == ("", ())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "schemaId: Field required"),
        ({**ALERT, "schemaId": "Microsoft.Insights/activityLogs"}, "'Microsoft.Insights/activityLogs'"),
        (alert(severity="Critical"), "data.essentials.severity: Input should be 'Sev0', 'Sev1'"),
        (alert(monitorCondition="Acknowledged"), "'Fired' or 'Resolved' (got 'Acknowledged')"),
        (alert(firedDateTime="yesterday"), "data.essentials.firedDateTime"),
        (alert(firedDateTime="2026-11-22T09:02:00"), "timezone"),
        (alert(alertId=""), "data.essentials.alertId"),
    ],
)
def test_what_is_no_alert_is_told_why(content: Any, says: str) -> None:
    with pytest.raises(Problem) as refused:
        read(content)

    assert (refused.value.status, refused.value.slug) == (400, "wrong-schema")
    assert says in refused.value.detail
    assert "common alert schema" in refused.value.detail


def test_an_alert_without_end_is_not_read() -> None:
    with pytest.raises(Problem, match="413 too-large"):
        read_alert(b" " * (LARGEST + 1))


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text(max_size=5), st.lists).map(lambda it: json.dumps(it).encode())
)
def test_nothing_but_a_problem_comes_out_of_nonsense(body: bytes) -> None:
    with pytest.raises(Problem):
        read_alert(body)
