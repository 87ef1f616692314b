import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.errors import HostError
from local.host.host_json import UNBOUNDED, HostJson, load_host_json
from local.host.timespan import parse_timespan


def _load(folder: Path, content: object) -> HostJson:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "host.json").write_text(text, encoding="utf-8")
    return load_host_json(folder)


def test_the_limits_of_an_app_are_read(tmp_path: Path) -> None:
    # given
    service_bus = {
        "maxConcurrentCalls": 16,
        "maxConcurrentSessions": 4,
        "maxMessageBatchSize": 20,
        "prefetchCount": 5,
        "autoCompleteMessages": False,
        "maxAutoLockRenewalDuration": "00:10:00",
        "sessionIdleTimeout": "00:00:02",
        "clientRetryOptions": {"mode": "exponential"},
    }
    content = {
        "version": "2.0",
        "functionTimeout": "00:09:30",
        "logging": {"logLevel": {"default": "Information"}},
        "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.0.0, 5.0.0)"},
        "extensions": {"serviceBus": service_bus, "http": {"routePrefix": ""}, "eventHubs": {"anything": 1}},
    }

    # when
    limits = _load(tmp_path, content)

    # then
    bus = limits.extensions.service_bus
    assert (bus.max_concurrent_calls, bus.max_concurrent_sessions, bus.max_message_batch_size) == (16, 4, 20)
    assert (bus.prefetch_count, bus.auto_complete_messages) == (5, False)
    assert bus.max_auto_lock_renewal_duration == timedelta(minutes=10)
    assert bus.session_idle_timeout == timedelta(seconds=2)
    assert limits.function_timeout == timedelta(minutes=9, seconds=30)
    assert limits.extensions.http.route_prefix == ""


def test_what_is_not_said_is_as_in_azure(tmp_path: Path) -> None:
    limits = _load(tmp_path, {"version": "2.0"})
    bus = limits.extensions.service_bus
    assert limits.function_timeout == timedelta(minutes=30)
    assert (bus.max_concurrent_sessions, bus.max_message_batch_size, bus.prefetch_count) == (8, 1000, 0)
    assert bus.auto_complete_messages
    assert limits.extensions.http.route_prefix == "api"
    assert _load(tmp_path, {"version": "2.0", "functionTimeout": "-1"}).function_timeout == UNBOUNDED


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "host.json is not JSON"),
        ("// note\n{}", "comments and trailing commas are not allowed"),
        ("[]", "it is []"),
        ({}, 'version is missing; write "version": "2.0"'),
        ({"version": "1.0"}, "version is '1.0': Input should be '2.0'"),
        (
            {"version": "2.0", "functionTimeut": 1},
            "functionTimeut is not a key that the host knows; did you mean functionTimeout?",
        ),
        ({"version": "2.0", "functionTimeout": 5}, "functionTimeout is 5: 5 is not a time span"),
        ({"version": "2.0", "functionTimeout": "25:00:00"}, "a day is 1.00:00:00"),
        (
            {"version": "2.0", "extensions": {"serviceBus": {"maxConcurentCalls": 1}}},
            "extensions.serviceBus.maxConcurentCalls is not a key that the host knows; did you mean maxC",
        ),
        (
            {"version": "2.0", "extensions": {"serviceBus": {"messageHandlerOptions": {}}}},
            "it is of the extension 4.x, in 5.x write maxConcurrentCalls",
        ),
        (
            {"version": "2.0", "extensions": {"serviceBus": {"maxConcurrentCalls": 0}}},
            "extensions.serviceBus.maxConcurrentCalls is 0: Input should be greater than or equal to 1",
        ),
        (
            {"version": "2.0", "extensions": {"serviceBus": {"maxConcurrentCallsPerSession": 2}}},
            "extensions.serviceBus.maxConcurrentCallsPerSession is 2: Input should be 1",
        ),
        ({"version": "2.0", "extensions": {"serviceBus": 3}}, "extensions.serviceBus is 3"),
        (
            {"version": "2.0", "concurrency": {"dynamicConcurrencyEnabled": True}},
            "concurrency.dynamicConcurrencyEnabled is True",
        ),
    ],
)
def test_a_host_json_with_a_mistake_is_refused(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(HostError) as caught:
        _load(tmp_path, content)
    assert says in str(caught.value)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        _load(tmp_path, {"version": "2.0", "extensions": {"serviceBus": {"prefetchCount": -1, "x": 1}}, "y": 2})
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_host_json_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        HostError, match=r'host\.json is missing; every function app has one, the least is {"version": "2\.0"}'
    ):
        load_host_json(tmp_path)


@given(st.timedeltas(timedelta(0), timedelta(days=999)))
def test_a_dotnet_timespan_is_read_back(span: timedelta) -> None:
    # given
    hours, rest = divmod(span.seconds, 3600)
    text = f"{span.days}.{hours:02}:{rest // 60:02}:{rest % 60:02}.{span.microseconds:06}0"

    # when, then
    assert abs(parse_timespan(text) - span) <= timedelta(microseconds=1)


@given(st.text(max_size=20))
def test_any_text_is_a_timespan_or_a_value_error(text: str) -> None:
    try:
        span = parse_timespan(text)
    except ValueError:
        return
    assert span >= timedelta(0)
