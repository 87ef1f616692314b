"""where events come in from outside: what nobody listens to is kept, with a reason"""

import re
from collections.abc import Iterator

from policies.naming import filters_of, listeners, name_at
from policies.resources import Resource, Stack
from policies.rule import EXAMPLE_DAY, Rule
from services.entities import DEAD_LETTERS
from services.kernel.topology import Subscription, Topic, Topology

TOPIC, SUBSCRIPTION = "servicebus:Topic", "servicebus:Subscription"
DEFAULT, ADDITIONAL = "servicebus:DefaultRule", "servicebus:Rule"
LITERAL = re.compile(r"'([^']*)'")


def _keeps_the_rest(topic: Resource, stack: Stack) -> Iterator[str]:
    name = name_at(topic, "topicName", stack)
    if name not in {each.topic.name for pattern in stack.patterns for each in pattern.listens if each.topic.door}:
        return
    on_topic = [each for each in stack.of_type(SUBSCRIPTION) if name_at(each, "topicName", stack) == name]
    heard = {word for each in on_topic if any(listeners(each, stack)) for word in _selected(each, stack)}
    rest = [each for each in on_topic if name_at(each, "forwardTo", stack) == DEAD_LETTERS.name]
    if not rest:
        yield f"no subscription forwards what nobody listens to to {DEAD_LETTERS.name}"
    for subscription in rest:
        excepted = _excepted(subscription, stack)
        if lost := sorted(excepted - heard):
            yield f"{subscription.name} leaves out {', '.join(lost)}, which nobody listens to"
        if twice := sorted(heard - excepted):
            yield f"{subscription.name} also keeps {', '.join(twice)}, which somebody listens to"


def _selected(subscription: Resource, stack: Stack) -> Iterator[str]:
    """The event types and the name that a listener's rules let in."""
    for each in filters_of(subscription, stack, DEFAULT, ADDITIONAL):
        yield from (str(word) for key in ("label", "to") if (word := each.get(f"correlationFilter.{key}")))


def _excepted(subscription: Resource, stack: Stack) -> set[str]:
    """The words that the filter of the rest excludes."""
    filters = filters_of(subscription, stack, DEFAULT)
    return {word for each in filters for word in LITERAL.findall(str(each.get("sqlFilter.sqlExpression") or ""))}


def _door(expression: str | None) -> Stack:
    """A door at which one listener hears `created`, and the filter of what is kept besides."""
    topic = {"topicName": "orders"}
    listener, rest = {**topic, "subscriptionName": "analyst"}, {**topic, "subscriptionName": "unrouted"}
    kept = (
        Resource(SUBSCRIPTION, "unrouted", {**rest, "forwardTo": DEAD_LETTERS.name}),
        Resource(DEFAULT, "unrouted", {**rest, "sqlFilter": {"sqlExpression": expression}}),
    )
    return Stack(
        (
            Resource(TOPIC, "orders", topic),
            Resource(SUBSCRIPTION, "analyst", listener),
            Resource(DEFAULT, "analyst-to", {**listener, "correlationFilter": {"to": "analyst"}}),
            Resource(ADDITIONAL, "analyst-created", {**listener, "correlationFilter": {"label": "created"}}),
            *(kept if expression else ()),
        ),
        EXAMPLE_DAY,
        (Topology("example", listens=(Subscription(Topic("orders", door=True), "analyst", ("created",)),)),),
    )


KEPT = Rule(
    id="door-keeps-unrouted",
    title="At a door nothing is dropped in silence",
    why="Service Bus drops a message that matches no rule: an event type that is misspelt would just vanish.",
    remedy="Declare the topic as a door in services/entities.py; infra/unrouted.py then keeps what nobody listens to.",
    severity="high",
    scope="stack",
    about=(TOPIC,),
    check=_keeps_the_rest,
    passes=(_door("sys.Label NOT IN ('created') AND sys.To NOT IN ('analyst')"),),
    fails=(
        _door(None),
        _door("sys.Label NOT IN ('created', 'removed') AND sys.To NOT IN ('analyst')"),
        _door("sys.To NOT IN ('analyst')"),
    ),
)

RULES = (KEPT,)
