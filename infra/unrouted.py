"""a topic that takes events from outside -> a subscription for what no listener wants -> `dead-letters`, with a reason

Service Bus drops a message that matches no rule, silently (docs/adr/0006). No function reads this subscription: its
rule writes the reason, and it forwards.
"""

from collections.abc import Iterable
from datetime import timedelta

from pulumi import ResourceOptions
from pulumi_azure_native import servicebus

from infra import names
from infra.messaging import Messaging
from infra.place import Place
from services.kernel.topology import Subscription, Topic

NAME = "unrouted"
REASON = "SET DeadLetterReason = 'unrouted'"


def keep_unrouted(topic: Topic, listeners: Iterable[Subscription], messaging: Messaging, place: Place) -> None:
    """Create the subscription `unrouted` of a topic with these listeners."""
    name = f"{topic.name}-{NAME}"
    listening = [listener for listener in listeners if listener.topic == topic]
    subscription = servicebus.Subscription(
        name,
        subscription_name=NAME,
        topic_name=messaging.topics[topic].name,
        namespace_name=messaging.namespace,
        resource_group_name=place.group,
        requires_session=False,
        lock_duration=names.duration(messaging.lock or timedelta(minutes=1)),
        forward_to=messaging.dead_letters.name,
        forward_dead_lettered_messages_to=messaging.dead_letters.name,
        dead_lettering_on_message_expiration=True,
        dead_lettering_on_filter_evaluation_exceptions=True,
        max_delivery_count=10,
        opts=ResourceOptions(parent=messaging),
    )
    servicebus.DefaultRule(
        f"{name}-rest",
        subscription_name=subscription.name,
        topic_name=messaging.topics[topic].name,
        namespace_name=messaging.namespace,
        resource_group_name=place.group,
        filter_type=servicebus.FilterType.SQL_FILTER,
        sql_filter=servicebus.SqlFilterArgs(sql_expression=nobody_listens(listening)),
        action=servicebus.ActionArgs(sql_expression=REASON),
        opts=ResourceOptions(parent=messaging),
    )


def nobody_listens(listeners: Iterable[Subscription]) -> str:
    """The filter that is true where the rules of all these listeners are false."""
    wanted = sorted({event_type for listener in listeners for event_type in listener.event_types})
    addressed = sorted(listener.name for listener in listeners)
    return f"{_none_of('sys.Label', wanted)} AND {_none_of('sys.To', addressed)}"


def _none_of(property_: str, values: Iterable[str]) -> str:
    """Null is unknown in SQL, not different: it has to be asked for."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"({property_} IS NULL OR {property_} NOT IN ({listed}))" if listed else "1 = 1"
