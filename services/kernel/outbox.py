"""committed -> published -> forgotten; and what a crash in between left behind, found again.

Publishing twice does no harm: the message ids follow from the commit, the topics detect duplicates, and who listens has
an inbox.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from azure.cosmos.exceptions import CosmosResourceNotFoundError
from azure.servicebus import ServiceBusMessage

from services.kernel.commit import Home, OutboxRecord
from services.kernel.message import Outgoing
from services.kernel.publisher import Publisher
from services.kernel.store import Store, passing_trouble
from services.kernel.topology import Container


async def publish(store: Store, publisher: Publisher, records: Iterable[OutboxRecord]) -> int:
    """Publish these records and forget them; returns how many messages went out."""
    count = 0
    for record in records:
        await send(publisher, record.messages)
        await _forget(store, record)
        count += len(record.messages)
    return count


async def send(publisher: Publisher, messages: Iterable[Outgoing]) -> None:
    """Send messages to their topics, those of one topic together."""
    by_topic: dict[str, list[ServiceBusMessage]] = defaultdict(list)
    for message in messages:
        by_topic[message.topic].append(message.to_service_bus())
    for topic, together in by_topic.items():
        await publisher.send(topic, together)


async def leftovers(store: Store, container: Container, older_than: float) -> list[OutboxRecord]:
    """Records that have waited for more than `older_than` seconds: whoever committed them is gone.

    A hundred at most: after a long outage the next sweep goes on, instead of one that takes all memory.
    """
    before = (datetime.now(UTC) - timedelta(seconds=older_than)).isoformat()
    documents = await store.query(
        container,
        "SELECT TOP 100 * FROM c WHERE c.kind = 'outbox' AND c.at < @before ORDER BY c.at",
        {"before": before},
    )
    return [
        OutboxRecord(
            Home(container, document[container.partition_key]),
            document["id"],
            tuple(Outgoing.model_validate(message) for message in document["messages"]),
        )
        for document in documents
    ]


async def _forget(store: Store, record: OutboxRecord) -> None:
    async with passing_trouble():
        with suppress(CosmosResourceNotFoundError):  # the sweep, or another process, was quicker
            container = await store.container(record.home.container)
            await container.delete_item(record.id, partition_key=record.home.partition)
