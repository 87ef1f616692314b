"""The patterns, a line each: read by infra, local, ops and tests, never by a service."""

from services.event_sourcing.topology import TOPOLOGY as EVENT_SOURCING
from services.inference.topology import TOPOLOGY as INFERENCE
from services.kernel.topology import Topology

PATTERNS: tuple[Topology, ...] = (INFERENCE, EVENT_SOURCING)
