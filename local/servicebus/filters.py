"""rules -> the copies of a message that a subscription takes

A subscription without rules takes everything (Azure's `$Default`). The matching rules without an action make one copy
together, each one with an action a copy of its own: https://learn.microsoft.com/azure/service-bus-messaging/topic-filters
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from local.servicebus.actions import compile_action
from local.servicebus.config import CorrelationFilter, Rule
from local.servicebus.message import Message
from local.servicebus.sql import Facts, compile_filter

Predicate = Callable[[Message], bool]
Copies = Callable[[Message], list[Message]]

_SYSTEM: Final = {
    "ContentType": "content_type",
    "CorrelationId": "correlation_id",
    "Label": "subject",
    "MessageId": "message_id",
    "ReplyTo": "reply_to",
    "ReplyToSessionId": "reply_to_group_id",
    "SessionId": "group_id",
    "To": "to",
}


def facts(message: Message) -> Facts:
    """A message as a SQL filter sees it."""
    system = {name: _text(message.property(theirs)) for name, theirs in _SYSTEM.items()}
    return Facts(system, {name.lower(): value for name, value in message.application_properties.items()})


def copies_by(rules: Sequence[Rule]) -> Copies:
    """What a subscription with these rules takes."""
    if not rules:
        return lambda message: [message]
    plain = [_predicate(rule) for rule in rules if rule.properties.action is None]
    changing = [
        (_predicate(rule), compile_action(rule.properties.action.sql_expression))
        for rule in rules
        if rule.properties.action is not None
    ]

    def copies(message: Message) -> list[Message]:
        unchanged = [message] if any(matches(message) for matches in plain) else []
        changed = [message.with_application_properties(**sets) for matches, sets in changing if matches(message)]
        return unchanged + changed

    return copies


def _predicate(rule: Rule) -> Predicate:
    if rule.properties.sql_filter:
        matches = compile_filter(rule.properties.sql_filter.sql_expression)
        return lambda message: matches(facts(message))
    return partial(correlates, rule.properties.correlation_filter or CorrelationFilter())


def correlates(wanted: CorrelationFilter, message: Message) -> bool:
    """Every given field equal: text case-sensitively, numbers with numbers, booleans with booleans."""
    given = wanted.model_dump(by_alias=True, exclude_none=True, exclude={"properties"})
    if any(value != _text(message.property(_SYSTEM[name])) for name, value in given.items()):
        return False
    has = message.application_properties
    return all(name in has and _equal(value, has[name]) for name, value in wanted.properties.items())


def _text(value: Any) -> Any:
    """Message and correlation ids may be UUIDs or numbers on the wire; Service Bus knows them as text."""
    return str(value) if isinstance(value, UUID | int) else value


def _equal(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, int | float):
        return isinstance(found, int | float) and wanted == found
    return isinstance(found, str) and wanted == found
