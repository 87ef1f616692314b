"""a command -> load the case -> what does it mean, what follows? -> append facts, tell the others.

One story for all commands. The model is asked where a judgement is needed; whatever was decided is in the stream, so
nothing that reads a stream ever asks again.
"""

from datetime import UTC, datetime

from services.entities import EVENTS
from services.event_sourcing import projections, what_if
from services.event_sourcing.consequences import announcements
from services.event_sourcing.decide import Command, overtaken
from services.event_sourcing.events import AddEvidence, OpenRefund, PayRefund, WhatIf, WithdrawRefund
from services.event_sourcing.order import look_up
from services.event_sourcing.questions import DECISION, NOTIFY
from services.event_sourcing.respond import respond
from services.event_sourcing.stream import append, load, stream_of
from services.event_sourcing.topology import TOPOLOGY
from services.kernel.approvals import ApprovalDecided, ApprovalExpired, listing
from services.kernel.commit import Home
from services.kernel.effects import Effects, stale
from services.kernel.event import Event
from services.kernel.ports import Ports
from services.kernel.service import Reaction, Service


async def handle_command(event: Event[Command], ports: Ports) -> Effects:
    command, stream = event.data, ports.home.partition
    past = await load(ports, stream)
    now = datetime.now(UTC)
    if reason := overtaken(past.case, command, now):
        return stale(reason)
    order_id = command.order_id if isinstance(command, OpenRefund) else past.case.order_id
    order = await look_up(ports, order_id)
    response = await respond(
        stream, past.case, command, order, lambda facts: ports.ask(DECISION, facts), question=DECISION, now=now
    )
    added = append(stream, past, response.facts, response.reason(event.key, command, order), now)
    told = announcements(stream, past.case, response.facts, added.cases, notify=response.wants(NOTIFY))
    return Effects(added.puts, told, note=", ".join(fact.TYPE for fact in response.facts))


def case_of(event: Event[OpenRefund | AddEvidence | WithdrawRefund | PayRefund]) -> Home:
    return Home(EVENTS, stream_of(event.data.case_id))


def owner_of(event: Event[ApprovalDecided | ApprovalExpired]) -> Home:
    return Home(EVENTS, event.data.owner)


SERVICE = Service(
    TOPOLOGY,
    (
        *(
            Reaction(command, case_of, handle_command)
            for command in (OpenRefund, AddEvidence, WithdrawRefund, PayRefund)
        ),
        *(Reaction(command, owner_of, handle_command) for command in (ApprovalDecided, ApprovalExpired)),
        Reaction(WhatIf, what_if.side_home, what_if.replay),
        listing(),
        *projections.REACTIONS,
    ),
)
