"""HTTP, alerts, the clock -> data-changes, entity-commands, insights"""

from services.entities import DATA_CHANGES, ENTITY_COMMANDS, INSIGHTS
from services.kernel.topology import Timer, Topology

TOPOLOGY = Topology(
    name="sources",
    publishes=(DATA_CHANGES, ENTITY_COMMANDS, INSIGHTS),
    timers=(Timer("say_digest_due", "0 0 * * * *"),),
    http=True,
)
