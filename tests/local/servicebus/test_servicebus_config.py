"""Config.json: what is read, what is written, and every mistake named with its place."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from local.servicebus.config import Config, Queue, QueueProperties, Rule, Subscription, Topic, hurried
from local.servicebus.config_file import ConfigError, load_config, parse_config, plain_json

MICROSOFTS = """
{ // the example of Microsoft's emulator, with what people add to it
  "UserConfig": {
    "Namespaces": [
      {
        "Name": "sbemulatorns",
        "Queues": [
          {
            "Name": "queue.1", /* one
                                  queue */
            "Properties": {
              "DeadLetteringOnMessageExpiration": false,
              "DefaultMessageTimeToLive": "PT1H",
              "DuplicateDetectionHistoryTimeWindow": "PT20S",
              "ForwardDeadLetteredMessagesTo": "",
              "ForwardTo": "",
              "LockDuration": "PT1M",
              "MaxDeliveryCount": 3,
              "RequiresDuplicateDetection": false,
              "RequiresSession": false,
            }
          }
        ],
        "Topics": [
          {
            "Name": "topic.1",
            "Properties": {"DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S"},
            "Subscriptions": [
              {
                "Name": "subscription.1",
                "Properties": {"LockDuration": "PT30S", "MaxDeliveryCount": 5, "RequiresSession": true},
                "Rules": [
                  {
                    "Name": "app-prop-filter-1",
                    "Properties": {
                      "FilterType": "Correlation",
                      "CorrelationFilter": {
                        "ContentType": "application/text", "CorrelationId": "id1", "Label": "subject1",
                        "MessageId": "msgid1", "ReplyTo": "someQueue", "ReplyToSessionId": "sessionId",
                        "SessionId": "session1", "To": "xyz",
                        "Properties": {"url": "http://no.comment/*here*/,}", "n": 1, "yes": true}
                      }
                    }
                  },
                  {"Name": "sql", "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "sys.To = 'x'"}}}
                ]
              }
            ]
          },
        ]
      }
    ],
    "Logging": {"Type": "File"}
  }
}
"""


def test_microsofts_example_is_read_with_comments_and_trailing_commas() -> None:
    # when
    namespace = parse_config(MICROSOFTS).namespace

    # then
    [queue], [topic] = namespace.queues, namespace.topics
    assert (queue.name, queue.properties.max_delivery_count) == ("queue.1", 3)
    assert queue.properties.default_message_time_to_live == timedelta(hours=1)
    [subscription] = topic.subscriptions
    assert subscription.properties.requires_session
    correlation = subscription.rules[0].properties.correlation_filter
    assert correlation
    assert correlation.properties == {"url": "http://no.comment/*here*/,}", "n": 1, "yes": True}
    assert subscription.rules[1].properties.sql_filter


def test_a_config_made_in_python_is_written_as_the_same_file() -> None:
    # given
    config = Config.of(
        queues=(Queue(name="dead-letters", properties=QueueProperties(lock_duration=timedelta(seconds=30))),),
        topics=(Topic(name="t", subscriptions=(Subscription(name="s", rules=(Rule.correlation("r", to="s"),)),)),),
    )

    # when / then
    assert parse_config(config.dump()) == config
    assert '"LockDuration": "PT30S"' in config.dump()
    assert '"CorrelationFilter"' in config.dump()


def wrap(queues: str = "", topics: str = "") -> str:
    return f'{{"UserConfig": {{"Namespaces": [{{"Queues": [{queues}], "Topics": [{topics}]}}]}}}}'


def of_queue(properties: str) -> str:
    return wrap('{"Name": "q", "Properties": {' + properties + "}}")


def of_rule(properties: str) -> str:
    rule = '{"Name": "r", "Properties": {' + properties + "}}"
    return wrap(topics=f'{{"Name": "t", "Subscriptions": [{{"Name": "s", "Rules": [{rule}]}}]}}')


Q = "UserConfig.Namespaces[0].Queues[0]"
R = "UserConfig.Namespaces[0].Topics[0].Subscriptions[0].Rules[0].Properties"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "no valid JSON: EOF"),
        ("[]", "Input should be an object"),
        ("{}", "UserConfig: missing"),
        ('{"UserConfig": {"Namespaces": []}}', "UserConfig.Namespaces: an emulator is one namespace, not 0"),
        (of_queue('"LockDurations": "PT1M"'), f"{Q}.Properties.LockDurations: unknown; did you mean 'LockDuration'?"),
        (of_queue('"Zzz": 1'), f"{Q}.Properties.Zzz: unknown; allowed are DeadLetteringOnMessageExpiration, "),
        (of_queue('"LockDuration": "1 minute"'), f"{Q}.Properties.LockDuration: must be an ISO 8601 duration"),
        (of_queue('"LockDuration": 60'), "such as PT30S, PT1M or P14D (found 60)"),
        (of_queue('"LockDuration": "00:01:00"'), "(found '00:01:00')"),
        (
            of_queue('"LockDuration": "PT6M"'),
            f"{Q}.Properties.LockDuration: more than 0 s and at most 300 s (found 'PT6M')",
        ),
        (
            of_queue('"LockDuration": "PT0S"'),
            f"{Q}.Properties.LockDuration: more than 0 s and at most 300 s (found 'PT0S')",
        ),
        (
            of_queue('"MaxDeliveryCount": 0'),
            f"{Q}.Properties.MaxDeliveryCount: Input should be greater than or equal to 1",
        ),
        (of_queue('"MaxDeliveryCount": "3"'), "should be a valid integer (found '3')"),
        (of_queue('"RequiresSession": "false"'), "should be a valid boolean (found 'false')"),
        (
            of_queue('"ForwardTo": "nowhere"'),
            f"{Q}.Properties.ForwardTo: 'nowhere' is no queue or topic of this namespace: q",
        ),
        (of_queue('"ForwardTo": "Q"'), f"{Q}.Properties.ForwardTo: 'Q' is this entity itself"),
        (wrap('{"Name": "a b"}'), f"{Q}.Name: may have letters, digits"),
        (
            wrap('{"Name": "q"}, {"Name": "Q"}'),
            "Queues[1].Name: 'Q' is named already by UserConfig.Namespaces[0].Queues[0].Name",
        ),
        (wrap('{"Name": "q"}', '{"Name": "q"}'), "Topics[0].Name: 'q' is named already"),
        (
            wrap('{"Name": "q", "Properties": {"RequiresSession": true, "ForwardTo": "r"}}, {"Name": "r"}'),
            f"{Q}.Properties.ForwardTo: Azure does not forward from an entity that requires sessions",
        ),
        (
            wrap(
                '{"Name": "q", "Properties": {"ForwardTo": "r"}}, {"Name": "r", "Properties": {"RequiresSession":true}}'
            ),
            f"{Q}.Properties.ForwardTo: 'r' requires sessions",
        ),
        (of_rule('"FilterType": "Regex"'), f"{R}.FilterType: Input should be 'Correlation' or 'Sql' (found 'Regex')"),
        (of_rule('"FilterType": "Sql"'), f"{R}: FilterType 'Sql' needs a SqlFilter"),
        (of_rule('"FilterType": "Correlation", "CorrelationFilter": {}'), "needs at least one field to compare"),
        (
            of_rule('"FilterType": "Correlation", "CorrelationFilter": {"Subject": "x"}'),
            f"{R}.CorrelationFilter.Subject: unknown",
        ),
        (
            of_rule('"FilterType": "Sql", "SqlFilter": {"SqlExpression": "a ="}'),
            f"{R}.SqlFilter.SqlExpression: expected a value, found the end at position 4 of: a =",
        ),
        (
            of_rule(
                '"FilterType": "Sql", "SqlFilter": {"SqlExpression": "1=1"}, "Action": {"SqlExpression": "REMOVE a"}'
            ),
            f"{R}.Action.SqlExpression: the local emulator runs `SET name = 'text'`",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert expected in str(caught.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(of_queue('"LockDuration": 1, "MaxDeliveryCount": 0, "Zzz": 1'))
    assert len(str(caught.value).splitlines()) == 3


def test_a_config_that_contradicts_itself_cannot_be_made_in_python_either() -> None:
    with pytest.raises(ValidationError, match="'nowhere' is no queue or topic"):
        Config.of(queues=(Queue(name="q", properties=QueueProperties(forward_to="nowhere")),))


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.json: No such file"):
        load_config(tmp_path / "none.json")
    (tmp_path / "latin").write_bytes(b'{"\xff": 1}')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "latin")


def test_durations_that_azure_would_refuse_are_named() -> None:
    properties = QueueProperties(lock_duration=timedelta(seconds=1))
    config = Config.of(queues=(Queue(name="q", properties=properties), Queue(name="fine")))
    assert list(hurried(config)) == ["'q': LockDuration 1 s is below Azure's 5 s"]


@given(st.text(alphabet='{}[]",:/*\\ \nab1', max_size=60))
def test_any_text_is_a_config_or_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text)
    assert len(plain_json(text)) == len(text)
