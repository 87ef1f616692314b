"""The patterns, a line each: read by infra, local, ops and tests, never by a service."""

from services.cdc.topology import TOPOLOGY as CDC
from services.event_sourcing.topology import TOPOLOGY as EVENT_SOURCING
from services.inference.topology import TOPOLOGY as INFERENCE
from services.kernel.topology import Topology
from services.notifications.topology import TOPOLOGY as NOTIFICATIONS
from services.saga.topology import TOPOLOGY as SAGA
from services.sources.topology import TOPOLOGY as SOURCES

PATTERNS: tuple[Topology, ...] = (INFERENCE, CDC, EVENT_SOURCING, SAGA, NOTIFICATIONS, SOURCES)
