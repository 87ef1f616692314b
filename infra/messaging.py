"""what the patterns say and hear -> a namespace with their topics, and the queue for what nobody could handle"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_azure_native import servicebus

from infra import config, names
from infra.place import Place
from services.entities import DEAD_LETTERS
from services.kernel.topology import Topic

KEPT = timedelta(days=14)
"""A subscriber may be down this long before its messages turn into dead letters, which do not expire."""


@dataclass(frozen=True)
class MessagingArgs:
    """`topics` may name one twice: several patterns publish to it."""

    place: Place
    config: config.Messaging
    topics: Iterable[Topic]


class Messaging(ComponentResource):
    """A Service Bus namespace without keys."""

    namespace: Output[str]
    namespace_id: Output[str]
    host: Output[str]
    """Fully qualified, as the clients want it."""
    topics: dict[Topic, servicebus.Topic]
    dead_letters: servicebus.Queue
    lock: timedelta | None
    """How long every lock lasts, where the stack says so instead of the topologies."""

    def __init__(self, name: str, args: MessagingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Messaging", name, None, opts)
        self._place = args.place
        self._remembers = timedelta(seconds=args.config.duplicate_window_seconds)
        self.lock = timedelta(seconds=args.config.lock_seconds) if args.config.lock_seconds else None
        namespace = self._namespace(args.config)
        self.namespace, self.namespace_id = namespace.name, namespace.id
        self.host = Output.concat(self.namespace, ".servicebus.windows.net")
        self.topics = {topic: self._topic(topic) for topic in sorted(set(args.topics), key=lambda each: each.name)}
        self.dead_letters = self._dead_letters()
        self.register_outputs({"host": self.host, "deadLetters": self.dead_letters.name})

    def _namespace(self, config: config.Messaging) -> servicebus.Namespace:
        premium = config.sku == "Premium"
        return servicebus.Namespace(
            "messaging",
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            sku=servicebus.SBSkuArgs(
                name=servicebus.SkuName(config.sku),
                tier=servicebus.SkuTier(config.sku),
                capacity=config.units if premium else None,
            ),
            disable_local_auth=True,
            minimum_tls_version=servicebus.TlsVersion.TLS_VERSION_1_2,
            public_network_access=self._place.public_access,
            zone_redundant=True if premium and self._place.zones else None,  # Azure's own choice with Standard
            opts=self._place.keeping(self),
        )

    def _topic(self, topic: Topic) -> servicebus.Topic:
        return servicebus.Topic(
            topic.name,
            topic_name=topic.name,
            namespace_name=self.namespace,
            resource_group_name=self._place.group,
            requires_duplicate_detection=True,
            duplicate_detection_history_time_window=names.duration(self._remembers),
            default_message_time_to_live=names.duration(KEPT),
            support_ordering=topic.sessions,
            opts=ResourceOptions(parent=self),
        )

    def _dead_letters(self) -> servicebus.Queue:
        """A letter parked, replayed and parked again is no duplicate.

        The queue itself lets nothing expire, but a message brings the time-to-live of who sent it: what reaches its
        end here is dead-lettered once more, where nothing expires, instead of deleted without a trace.
        """
        return servicebus.Queue(
            DEAD_LETTERS.name,
            queue_name=DEAD_LETTERS.name,
            namespace_name=self.namespace,
            resource_group_name=self._place.group,
            requires_duplicate_detection=False,
            dead_lettering_on_message_expiration=True,
            max_size_in_megabytes=5120,
            opts=self._place.keeping(self),
        )
