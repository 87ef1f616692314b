"""who hears what, and what becomes of what nobody could handle: nothing is lost, nothing comes unasked

No catalogue has rules for topics and subscriptions; these are ours.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.naming import filters_of, listeners, name_at
from policies.resources import Resource, Stack
from policies.rule import EXAMPLE_DAY, Rule, alone, is_on
from services.entities import DEAD_LETTERS
from services.kernel.topology import Subscription, Topic, Topology

SUBSCRIPTION = "servicebus:Subscription"
QUEUE = "servicebus:Queue"
DEFAULT, ADDITIONAL = "servicebus:DefaultRule", "servicebus:Rule"
DELIVERIES = range(2, 21)
"""One would make a dead letter of every crash; each of more than 20 may pay for a model's answer again."""
EVERYTHING = frozenset({"1=1", "true", ""})
LETTERS = {"queueName": "dead-letters", "deadLetteringOnMessageExpiration": True}


def _delivery_limit(subscription: Resource, _: Stack) -> Iterator[str]:
    count = subscription.get("maxDeliveryCount")
    if not isinstance(count, int | float) or count not in DELIVERIES:
        shown = "not set" if count is None else count
        yield f"maxDeliveryCount is {shown}, not from {DELIVERIES[0]} to {DELIVERIES[-1]}"


def _dead_letters_arrive(subscription: Resource, stack: Stack) -> Iterator[str]:
    """With sessions nobody has shown that forwarding works; operators read that subscription's own queue."""
    if subscription.get("requiresSession"):
        return
    queues = {name_at(queue, "queueName", stack) for queue in stack.of_type(QUEUE)}
    if DEAD_LETTERS.name not in queues:
        yield f"the stack has no queue {DEAD_LETTERS.name}"
    elif (target := name_at(subscription, "forwardDeadLetteredMessagesTo", stack)) != DEAD_LETTERS.name:
        yield f"forwardDeadLetteredMessagesTo is {target or 'not set'}, not {DEAD_LETTERS.name}"


def _chosen_by_filter(subscription: Resource, stack: Stack) -> Iterator[str]:
    defaults = filters_of(subscription, stack, DEFAULT)
    if not defaults:
        yield "nothing replaces $Default, which lets every message in"
    elif any(map(_lets_everything_in, defaults)):
        yield "$Default was replaced by a filter that lets every message in"


def _hears_its_retries(subscription: Resource, stack: Stack) -> Iterator[str]:
    if not any(listeners(subscription, stack)):
        return
    name = name_at(subscription, "subscriptionName", stack)
    if not filters_of(subscription, stack, DEFAULT):
        return  # Azure's own lets everything in, which is another rule's business
    filters = filters_of(subscription, stack, DEFAULT, ADDITIONAL)
    if not any(_lets_everything_in(each) or each.get("correlationFilter.to") == name for each in filters):
        yield f"no rule lets in what is sent to {name}"


def _lets_everything_in(rule: Resource) -> bool:
    if rule.get("filterType") == "SqlFilter":
        return str(rule.get("sqlFilter.sqlExpression") or "").replace(" ", "").casefold() in EVERYTHING
    correlation = rule.mapping("correlationFilter")
    return not any(correlation[key] for key in correlation if key != "requiresPreprocessing")


def _keeps_everything(queue: Resource, stack: Stack) -> Iterator[str]:
    if name_at(queue, "queueName", stack) != DEAD_LETTERS.name:
        return
    if queue.get("requiresDuplicateDetection"):
        yield "requiresDuplicateDetection is true: a letter that is replayed and parked again would be dropped"
    if lifetime := queue.get("defaultMessageTimeToLive"):
        yield f"defaultMessageTimeToLive is {lifetime}: letters would expire"
    if not queue.get("deadLetteringOnMessageExpiration"):
        yield "deadLetteringOnMessageExpiration is not true: a letter that brings its own time-to-live would vanish"


def _heard(default: Mapping[str, Any] | None, **subscription: Any) -> Stack:
    """A subscription `analyst` on `changes` beside the queue of dead letters, with one `$Default` or Azure's own."""
    names = {"topicName": "changes", "subscriptionName": "analyst"}
    return Stack(
        (
            Resource(SUBSCRIPTION, "analyst", {**names, **subscription}),
            Resource(QUEUE, "dead-letters", {"queueName": "dead-letters"}),
            *([] if default is None else [Resource(DEFAULT, "analyst-to", {**names, **default})]),
        ),
        EXAMPLE_DAY,
        (Topology("example", listens=(Subscription(Topic("changes"), "analyst", ("created",)),)),),
    )


def _correlated(**filter_: str) -> dict[str, Any]:
    return {"filterType": "CorrelationFilter", "correlationFilter": {**filter_, "requiresPreprocessing": True}}


EXPIRED = Rule(
    id="subscription-keeps-expired",
    title="A message that expires becomes a dead letter",
    why="Otherwise an event whose subscriber is down for too long vanishes without a trace.",
    remedy="Set dead_lettering_on_message_expiration=True on the subscription.",
    severity="high",
    about=(SUBSCRIPTION,),
    check=is_on("deadLetteringOnMessageExpiration"),
    passes=alone(SUBSCRIPTION, {"deadLetteringOnMessageExpiration": True}),
    fails=alone(SUBSCRIPTION, {"deadLetteringOnMessageExpiration": False}, {}),
)

DELIVERY_LIMIT = Rule(
    id="subscription-delivery-limit",
    title="A message is delivered a limited number of times",
    why="A message that crashes its handler comes back until the limit, and may pay for a model's answer each time.",
    remedy="Set max_delivery_count of the listener in topology.py from 2 to 20.",
    severity="high",
    about=(SUBSCRIPTION,),
    check=_delivery_limit,
    passes=alone(SUBSCRIPTION, {"maxDeliveryCount": 2}, {"maxDeliveryCount": 10.0}, {"maxDeliveryCount": 20}),
    fails=alone(SUBSCRIPTION, {"maxDeliveryCount": 1}, {"maxDeliveryCount": 21}, {"maxDeliveryCount": 2000}, {}),
)

ARRIVE = Rule(
    id="subscription-forwards-dead-letters",
    title="Dead letters arrive where operators look",
    why="A subscription's own dead-letter queue fills unseen; the queue dead-letters is shown, counted and replayed.",
    remedy="Set forward_dead_lettered_messages_to to the queue dead-letters; with sessions leave it out.",
    severity="high",
    scope="stack",
    about=(SUBSCRIPTION,),
    check=_dead_letters_arrive,
    passes=(_heard(None, forwardDeadLetteredMessagesTo="dead-letters"), _heard(None, requiresSession=True)),
    fails=(
        _heard(None),
        _heard(None, forwardDeadLetteredMessagesTo="elsewhere"),
        Stack((Resource(SUBSCRIPTION, "analyst", {"forwardDeadLetteredMessagesTo": "dead-letters"}),), EXAMPLE_DAY),
    ),
)

FILTERED = Rule(
    id="subscription-filters",
    title="A subscription hears only what it asks for",
    why="Azure gives each subscription a rule $Default that lets everything in: every event would cost a model call.",
    remedy="Declare a servicebus.DefaultRule with a filter of its own for the subscription.",
    severity="high",
    scope="stack",
    about=(SUBSCRIPTION,),
    check=_chosen_by_filter,
    passes=(
        _heard(_correlated(to="analyst")),
        _heard({"filterType": "SqlFilter", "sqlFilter": {"sqlExpression": "sys.Label = 'created'"}}),
    ),
    fails=(
        _heard(None),
        _heard(_correlated()),
        _heard({"filterType": "SqlFilter", "sqlFilter": {"sqlExpression": "1 = 1"}}),
    ),
)

RETRIES = Rule(
    id="subscription-hears-retries",
    title="A subscription hears what is sent to it by name",
    why="Nobody can send to a subscription: retry copies and replays go to the topic with `to`, and would be lost.",
    remedy="Declare a rule with CorrelationFilterArgs(to=<name of the subscription>).",
    severity="high",
    scope="stack",
    about=(SUBSCRIPTION,),
    check=_hears_its_retries,
    passes=(_heard(_correlated(to="analyst")),),
    fails=(_heard(_correlated(to="somebody-else")), _heard(_correlated(label="created"))),
)

KEPT = Rule(
    id="dead-letters-kept",
    title="Dead letters neither expire nor vanish as duplicates",
    why="They are what is left of an event that nobody could handle; only an operator may drop one.",
    remedy="Set requires_duplicate_detection=False, dead_lettering_on_message_expiration=True and no "
    "default_message_time_to_live on the queue.",
    severity="high",
    about=(QUEUE,),
    check=_keeps_everything,
    passes=alone(QUEUE, {**LETTERS, "requiresDuplicateDetection": False}),
    fails=alone(
        QUEUE,
        {**LETTERS, "requiresDuplicateDetection": True},
        {**LETTERS, "defaultMessageTimeToLive": "P14D"},
        {**LETTERS, "deadLetteringOnMessageExpiration": False},
        {"queueName": "dead-letters"},
    ),
)

RULES = (EXPIRED, DELIVERY_LIMIT, ARRIVE, FILTERED, RETRIES, KEPT)
