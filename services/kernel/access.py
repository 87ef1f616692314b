"""Topology -> who may do what with which entity: the roles that infra grants, and nothing beyond them.

A pattern declares what it means to do; the kernel needs a little more to keep its promises (send retry copies to the
topics it listens on, park messages, keep ledger and budget). Both together are spelled out here, once, so that infra,
the local emulators and the policies agree.
"""

from dataclasses import dataclass
from typing import Literal

from services.entities import BUDGETS, DEAD_LETTERS, DECISIONS, LEASES
from services.kernel.topology import Container, Queue, Subscription, Topic, Topology

Right = Literal["send", "receive", "read", "write"]


@dataclass(frozen=True)
class Grant:
    """One right on one entity; `why` is printed in the role matrix."""

    right: Right
    on: Topic | Queue | Subscription | Container
    why: str


def grants(topology: Topology) -> tuple[Grant, ...]:
    """All that the identity of this pattern may do, each right once, in a stable order."""
    wanted = [
        *(Grant("receive", listener, "its events") for listener in topology.listens),
        *(Grant("send", topic, "publishes") for topic in topology.publishes),
        *(Grant("send", listener.topic, "retry copies and replays") for listener in topology.listens),
        *([Grant("send", DEAD_LETTERS, "parks")] if topology.listens or topology.feeds else []),
        *(Grant("write", container, "keeps its state") for container in topology.keeps),
        *(Grant("read", container, "looks up") for container in topology.reads),
        *(Grant("read", feed.container, "reads its change feed") for feed in topology.feeds),
        *([Grant("write", LEASES, "holds its place in the change feed")] if topology.feeds else []),
        *([Grant("write", DECISIONS, "the ledger"), Grant("write", BUDGETS, "the budget")] if topology.asks else []),
    ]
    unique: dict[tuple[Right, object], Grant] = {}
    for grant in wanted:
        unique.setdefault((grant.right, grant.on), grant)
    writes = {grant.on for grant in unique.values() if grant.right == "write"}
    return tuple(grant for grant in unique.values() if not (grant.right == "read" and grant.on in writes))
