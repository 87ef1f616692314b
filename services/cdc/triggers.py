"""items' change feed, item-changes/change-analyst, the clock -> the service; no logic here."""

import azure.functions as func

from services.cdc.handler import SERVICE
from services.cdc.reconcile import reconcile_items
from services.cdc.relay import relay
from services.cdc.topology import CHANGE_ANALYST, RELAY
from services.entities import DATABASE, LEASES
from services.kernel.triggers import housekeeping

triggers = func.Blueprint()
housekeeping(triggers, SERVICE)


@triggers.cosmos_db_trigger(
    arg_name="documents",
    connection="Cosmos",
    database_name=DATABASE,
    container_name=RELAY.container.name,
    lease_container_name=LEASES.name,
    lease_container_prefix=RELAY.lease_prefix,
    feed_poll_delay=1_000,
    start_from_beginning=True,  # pyright: ignore[reportArgumentType] - a bool, whatever the library's hint says
)
@triggers.retry(
    strategy="exponential_backoff", max_retry_count="-1", minimum_interval="00:00:01", maximum_interval="00:00:30"
)
async def relay_changes(documents: func.DocumentList) -> None:
    await relay(documents, SERVICE)


@triggers.service_bus_topic_trigger(
    arg_name="message",
    topic_name=CHANGE_ANALYST.topic.name,
    subscription_name=CHANGE_ANALYST.name,
    connection="ServiceBus",
    is_sessions_enabled=True,
)
async def on_item_changed(message: func.ServiceBusMessage) -> None:
    await SERVICE.deliver(message, CHANGE_ANALYST)


@triggers.timer_trigger(arg_name="timer", schedule="%Schedule_reconcile%")
async def reconcile(timer: func.TimerRequest) -> None:  # noqa: ARG001
    await reconcile_items(SERVICE)
