"""The shared topics, the queue and the containers, declared once; patterns pick from here what they use."""

from datetime import timedelta

from services.kernel.topology import Container, Queue, Timer, Topic

REPLAY_HORIZON = timedelta(days=30)
"""How far back an operator may replay a dead letter: nothing that recognises an old event is forgotten earlier."""

KEPT = 2 * REPLAY_HORIZON
"""How long inbox markers and recorded answers are kept; twice the horizon, so that no clock has to be right."""

DATABASE = "main"

DATA_CHANGES = Topic("data-changes", door=True)
INSIGHTS = Topic("insights")
DEAD_LETTERS = Queue("dead-letters")

ITEMS = Container("items", partition_key="entity_id", expires=True)
REFERENCE = Container("reference", partition_key="kind")
DECISIONS = Container("decisions", partition_key="event_key", expires=True, keeps=KEPT)
BUDGETS = Container("budgets", partition_key="scope", expires=True, keeps=KEPT)
LEASES = Container("leases", partition_key="id")

HOUSEKEEPING = (
    Timer("sweep_outbox", "0 * * * * *"),
    Timer("measure_backlog", "30 * * * * *"),
)
"""What every pattern that listens does besides: publish what a crash left in an outbox, measure its own backlog."""
