"""The patterns, a line each: read by infra, local, ops and tests, never by a service."""

from services.cdc.topology import TOPOLOGY as CDC
from services.inference.topology import TOPOLOGY as INFERENCE
from services.kernel.topology import Topology

PATTERNS: tuple[Topology, ...] = (INFERENCE, CDC)
