"""The shared topics, the queue and the containers, declared once; patterns pick from here what they use."""

from datetime import timedelta

from services.kernel.topology import Container, Queue, Timer, Topic

REPLAY_HORIZON = timedelta(days=30)
"""How far back an operator may replay a dead letter: nothing that recognises an old event is forgotten earlier."""

KEPT = 2 * REPLAY_HORIZON
"""How long inbox markers and recorded answers are kept; twice the horizon, so that no clock has to be right."""

DATABASE = "main"

DATA_CHANGES = Topic("data-changes", door=True)
"""Facts from the business."""
ITEM_CHANGES = Topic("item-changes", sessions=True)
"""Which document changed, never the document; a session is an item."""
INSIGHTS = Topic("insights")
"""What the patterns found out, decided and ended with."""
ENTITY_COMMANDS = Topic("entity-commands", sessions=True)
"""What somebody wants of an event-sourced entity; a session is an entity."""
ENTITY_EVENTS = Topic("entity-events")
"""What the event store has taken in."""
SAGA_STEPS = Topic("saga-steps", sessions=True)
"""How sagas move; a session is a saga."""
SAGA_TIMEOUTS = Topic("saga-timeouts")
"""What is due later. Scheduled messages wait at the topic: an app that is scaled to zero is woken by due ones only."""
NOTIFICATIONS = Topic("notifications")
"""One message per recipient."""
DEAD_LETTERS = Queue("dead-letters")

ITEMS = Container("items", partition_key="entity_id", expires=True)
"""Customers, orders, feedback: what the business knows."""
ITEM_VERSIONS = Container("item-versions", partition_key="item", expires=True)
"""Each item as it was analysed last."""
EVENTS = Container("events", partition_key="stream", expires=True)
"""Streams: one document an event, its id the version; snapshots beside them."""
VIEWS = Container("views", partition_key="view", expires=True)
"""Read models: what streams look like now, what waits for a person."""
SAGAS = Container("sagas", partition_key="saga_id", expires=True)
"""Each saga with its journal."""
STOCK = Container("stock", partition_key="product_id", expires=True)
ACCOUNTS = Container("accounts", partition_key="account_id", expires=True)
"""What the sagas' examples act on; apart from `items`, or change data capture would pay for them."""
RECIPIENTS = Container("notifications", partition_key="recipient_id", expires=True)
"""Who can be told what, and what they were told: directory, preferences, deliveries, digests."""
REFERENCE = Container("reference", partition_key="kind")
DECISIONS = Container("decisions", partition_key="event_key", expires=True, keeps=KEPT)
BUDGETS = Container("budgets", partition_key="scope", expires=True, keeps=KEPT)
LEASES = Container("leases", partition_key="id")

HOUSEKEEPING = (
    Timer("sweep_outbox", "0 * * * * *"),
    Timer("measure_backlog", "30 * * * * *"),
)
"""What every pattern that listens does besides: publish what a crash left in an outbox, measure its own backlog."""
