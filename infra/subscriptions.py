"""a declared listener -> its subscription, and the rules that let in its event types and what is addressed to it"""

from pulumi import Output, Resource, ResourceOptions
from pulumi_azure_native import servicebus

from infra import names
from infra.messaging import Messaging
from infra.place import Place
from services.kernel.topology import Subscription


def subscribe(listener: Subscription, messaging: Messaging, place: Place, parent: Resource) -> Output[str]:
    """Create the subscription with its rules and return its resource id.

    A new subscription has a rule `$Default` that lets everything in. `DefaultRule` takes that rule over and cannot
    create its absence, so it becomes the one rule that every subscription has besides its event types: what is sent
    `to` it by name (retry copies and replays, for one cannot send to a subscription).
    Source: pulumi-azure-native#4799.
    """
    name = f"{listener.topic.name}-{listener.name}"
    topic = messaging.topics[listener.topic].name
    subscription = servicebus.Subscription(
        name,
        subscription_name=listener.name,
        topic_name=topic,
        namespace_name=messaging.namespace,
        resource_group_name=place.group,
        requires_session=listener.topic.sessions,
        lock_duration=names.duration(messaging.lock or listener.lock),
        max_delivery_count=listener.max_delivery_count,
        dead_lettering_on_message_expiration=True,
        dead_lettering_on_filter_evaluation_exceptions=True,
        # With sessions nobody has shown that forwarding works; operators read that dead-letter queue itself.
        forward_dead_lettered_messages_to=None if listener.topic.sessions else messaging.dead_letters.name,
        opts=ResourceOptions(parent=parent),
    )
    servicebus.DefaultRule(
        f"{name}-to",
        subscription_name=subscription.name,
        topic_name=topic,
        namespace_name=messaging.namespace,
        resource_group_name=place.group,
        filter_type=servicebus.FilterType.CORRELATION_FILTER,
        correlation_filter=servicebus.CorrelationFilterArgs(to=listener.name),
        opts=ResourceOptions(parent=parent),
    )
    for event_type in listener.event_types:
        servicebus.Rule(
            f"{name}-{event_type}",
            rule_name=event_type,
            subscription_name=subscription.name,
            topic_name=topic,
            namespace_name=messaging.namespace,
            resource_group_name=place.group,
            filter_type=servicebus.FilterType.CORRELATION_FILTER,
            correlation_filter=servicebus.CorrelationFilterArgs(label=event_type),
            opts=ResourceOptions(parent=parent),
        )
    return subscription.id
