"""The patterns, a line each: read by infra, local, ops and tests, never by a service."""

from services.inference.topology import TOPOLOGY as INFERENCE
from services.kernel.topology import Topology
from services.sources.topology import TOPOLOGY as SOURCES

PATTERNS: tuple[Topology, ...] = (INFERENCE, SOURCES)
