"""spans that depend on each other, though they stand in different files: locks, calls of the model, outboxes"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from policies.naming import listeners
from policies.resources import Resource, Stack, app_settings
from policies.rule import EXAMPLE_DAY, Rule
from services.kernel.topology import Container, Feed, Subscription, Topic, Topology

APP, SUBSCRIPTION, TOPIC = "web:WebApp", "servicebus:Subscription", "servicebus:Topic"
CALLS = 2
"""A question and, if the answer is not valid, one repair: services/kernel/llm.py."""
POISON = timedelta(hours=1)
"""How long one message that fails again and again may keep its place busy."""
REPUBLISHED_WITHIN = timedelta(minutes=5)
"""How long the sweep of an outbox may be down before what it publishes late is no longer recognised."""
RENEWED_FOR, RUNS_FOR = "00:05:00", "00:30:00"
"""What the Functions host takes where host.json says nothing, on Flex Consumption."""

_SPAN = TypeAdapter(timedelta)


def _lock_fits_model(subscription: Resource, stack: Stack) -> Iterator[str]:
    for pattern in listeners(subscription, stack):
        app = stack.app_of(pattern)
        if pattern.asks and app:
            yield from _fits(subscription, app_settings(app), stack.hosts.get(pattern.name, {}))


def _fits(subscription: Resource, settings: Mapping[str, Any], host: Mapping[str, Any]) -> Iterator[str]:
    call = _seconds(settings.get("Model__timeoutSeconds"))
    if call is None:
        yield f"Model__timeoutSeconds is {settings.get('Model__timeoutSeconds') or 'not set'}, not a number of seconds"
        return
    work = CALLS * call
    bus = host.get("extensions", {}).get("serviceBus", {})
    spans = {
        "lockDuration": (_span(subscription.get("lockDuration")), call, "one call of the model"),
        "maxAutoLockRenewalDuration in host.json": (
            _span(bus.get("maxAutoLockRenewalDuration", RENEWED_FOR)), work, "a call and its repair"
        ),
        "functionTimeout in host.json": (
            _span(host.get("functionTimeout", RUNS_FOR)), work, "a call and its repair"
        ),
    }  # fmt: skip
    for name, (span, needed, what) in spans.items():
        if span is None or span < needed:
            yield f"{name} is {span or 'not set'}, not at least {needed}: {what}"
    deliveries = subscription.get("maxDeliveryCount")
    if isinstance(deliveries, int | float) and deliveries * work.total_seconds() > POISON.total_seconds():
        yield f"maxDeliveryCount is {deliveries:g}, so a message that fails each time takes more than {POISON}"


def _window_covers_outbox(topic: Resource, stack: Stack) -> Iterator[str]:
    for app in stack.of_type(APP):
        older_than = _seconds(app_settings(app).get("Outbox__olderThanSeconds"))
        needed = (older_than or timedelta()) + REPUBLISHED_WITHIN
        window = _span(topic.get("duplicateDetectionHistoryTimeWindow"))
        if window is None or window < needed:
            yield f"duplicateDetectionHistoryTimeWindow is {window or 'not set'}, not at least {needed} ({app.name})"


def _feeds_have_leases(app: Resource, stack: Stack) -> Iterator[str]:
    pattern = stack.pattern_of(app)
    all_feeds = [(f"{each.name}.{feed.function}", feed.lease_prefix) for each in stack.patterns for feed in each.feeds]
    for feed in pattern.feeds if pattern else ():
        sharing = [name for name, prefix in all_feeds if prefix == feed.lease_prefix]
        if len(sharing) > 1:
            yield f"lease prefix {feed.lease_prefix!r} is shared by {', '.join(sharing)}"


def _seconds(text: object) -> timedelta | None:
    try:
        return timedelta(seconds=float(str(text)))
    except (ValueError, OverflowError):
        return None


def _span(text: object) -> timedelta | None:
    """`PT1M` as Azure writes it, `00:01:00` as host.json does."""
    try:
        return _SPAN.validate_python(text)
    except (ValidationError, OverflowError):
        return None


def _asked(
    *, lock: str = "PT1M", deliveries: int = 10, timeout: str = "40", host: Mapping[str, Any] | None = None
) -> Stack:
    """A pattern that asks a model about what it hears."""
    listener = Subscription(Topic("changes"), "analyst", ("created",))
    subscription = {
        "topicName": "changes", "subscriptionName": "analyst", "lockDuration": lock, "maxDeliveryCount": deliveries,
    }  # fmt: skip
    settings = [{"name": "Model__timeoutSeconds", "value": timeout}]
    return Stack(
        (
            Resource(SUBSCRIPTION, "analyst", subscription),
            Resource(APP, "example", {"siteConfig": {"appSettings": settings}}),
        ),
        EXAMPLE_DAY,
        (Topology(name="example", listens=(listener,), asks=("small",)),),
        {"example": host or {}},
    )


def _swept(window: str | None, older_than: str) -> Stack:
    settings = [{"name": "Outbox__olderThanSeconds", "value": older_than}]
    return Stack(
        (
            Resource(TOPIC, "insights", {"duplicateDetectionHistoryTimeWindow": window} if window else {}),
            Resource(APP, "example", {"siteConfig": {"appSettings": settings}}),
        ),
        EXAMPLE_DAY,
    )


def _fed(*prefixes: str) -> Stack:
    items = Container("items", "entity_id")
    feeds = tuple(Feed(items, f"reads-{n}", prefix) for n, prefix in enumerate(prefixes))
    return Stack((Resource(APP, "example", {}),), EXAMPLE_DAY, (Topology(name="example", feeds=feeds),))


LOCK = Rule(
    id="subscription-lock-fits-model",
    title="A message stays locked while the model thinks",
    why="A lock that ends before the answer delivers the message to a second handler, which pays for it again.",
    remedy="Lower model:timeoutSeconds, or raise the listener's lock in topology.py and the spans in host.json.",
    severity="high",
    dev="advisory",
    scope="stack",
    about=(SUBSCRIPTION,),
    check=_lock_fits_model,
    passes=(_asked(), _asked(lock="PT5M", timeout="100", deliveries=5)),
    fails=(
        _asked(lock="PT30S"),
        _asked(timeout="soon"),
        _asked(lock="PT5M", timeout="240", deliveries=2),
        _asked(deliveries=46),
        _asked(host={"functionTimeout": "00:01:00"}),
        _asked(host={"extensions": {"serviceBus": {"maxAutoLockRenewalDuration": "00:01:00"}}}),
    ),
)

WINDOW = Rule(
    id="topic-window-covers-outbox",
    title="Topics remember longer than an outbox may be late",
    why="What a crash left behind is published again after olderThanSeconds; a shorter memory would let it pass twice.",
    remedy="Raise messaging:duplicateWindowSeconds, or lower outbox:olderThanSeconds.",
    severity="high",
    dev="advisory",
    scope="stack",
    about=(TOPIC,),
    check=_window_covers_outbox,
    passes=(_swept("PT10M", "30"), _swept("PT10M", "300")),
    fails=(_swept("PT10M", "301"), _swept("PT1M", "30"), _swept(None, "30")),
)

LEASES = Rule(
    id="feed-own-leases",
    title="Every change feed trigger has its own lease prefix",
    why="Two triggers with one prefix share one feed: each sees only some of the changes, and nothing fails.",
    remedy="Make lease_prefix of the feed in topology.py its app and function.",
    severity="critical",
    scope="stack",
    about=(APP,),
    check=_feeds_have_leases,
    passes=(_fed("example-reads-0", "example-reads-1"), _fed()),
    fails=(_fed("example", "example"),),
)

RULES = (LOCK, WINDOW, LEASES)
