"""the recorded commands of a case -> another prompt -> a side stream, and a comparison with what was decided.

The side stream `what-if~...` is a partition of its own; nothing of it is announced, so the real case, its view and
whoever listens never see it. Commands are replayed with what was known when they were decided (the order as it was
seen, the time); a person's decision is replayed where the side case waits for one. A long case is replayed in steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.entities import DECISIONS, ENTITY_COMMANDS, EVENTS
from services.event_sourcing.aggregate import Case
from services.event_sourcing.decide import Command, overtaken
from services.event_sourcing.events import AddEvidence, OpenRefund, PayRefund, WhatIf, WithdrawRefund
from services.event_sourcing.order import Order
from services.event_sourcing.questions import CANDIDATES, CaseFacts, RefundAnswer
from services.event_sourcing.respond import Response, respond
from services.event_sourcing.stream import Reason, Recorded, append, load, read, stream_of
from services.kernel.approvals import ApprovalDecided, ApprovalExpired
from services.kernel.commit import Home
from services.kernel.effects import Announce, Effects, Put
from services.kernel.event import Event
from services.kernel.ids import safe_id
from services.kernel.outcome import Park
from services.kernel.ports import Ports
from services.kernel.question import Question
from services.kernel.store import Document

SIDE = "what-if~"
COMMANDS_AT_ONCE = 5
"""Each may cost a call of the large model, and all of them are one delivery, under one lock."""
READ_AT_ONCE = 50
ROWS_KEPT = 100

REPLAYED: dict[str, type[Command]] = {
    command.TYPE: command
    for command in (OpenRefund, AddEvidence, WithdrawRefund, PayRefund, ApprovalDecided, ApprovalExpired)
}


@dataclass(frozen=True)
class Step:
    """One recorded command with all that it led to."""

    first: Recorded
    events: tuple[Recorded, ...]


def side_home(event: Event[WhatIf]) -> Home:
    return Home(EVENTS, side_stream(event.data, event.key))


def side_stream(asked: WhatIf, key: str) -> str:
    """One per run; real streams have one `~`, side streams two."""
    return SIDE + safe_id(asked.case_id, asked.candidate, asked.run or key)


def is_side_stream(stream: str) -> bool:
    return stream.startswith(SIDE) and stream.count("~") > 1


async def replay(event: Event[WhatIf], ports: Ports) -> Effects:
    """The next commands of the case, decided again by the candidate."""
    asked, side = event.data, ports.home.partition
    candidate = CANDIDATES.get(asked.candidate)
    if candidate is None:
        raise Park("unknown-candidate", f"candidate is {asked.candidate!r}; there are {', '.join(CANDIDATES)}")
    recorded = await read(ports, stream_of(asked.case_id), after=asked.after, at_most=READ_AT_ONCE)
    steps = steps_of(recorded, whole=len(recorded) < READ_AT_ONCE)
    if not steps and not asked.after:
        raise Park("no-such-case", f"there is no case {asked.case_id!r} to replay")
    past, comparison = await load(ports, side), await ports.mine("comparison")
    puts: list[Put] = []
    rows: list[Document] = []
    for step in steps[:COMMANDS_AT_ONCE]:
        response, row = await _again(ports, side, past.case, step, candidate)
        rows.append(row)
        if response:
            added = append(side, past, response.facts, _reason(response, step, event.key), step.first.at)
            puts += added.puts
            past = added.past
    done = len(steps) <= COMMANDS_AT_ONCE and len(recorded) < READ_AT_ONCE
    document = compare(comparison, asked, rows, past.case, done=done)
    puts.append(Put(document, comparison["_etag"] if comparison else None))
    return Effects(tuple(puts), () if done else (_go_on(asked, event.key, steps, side),))


async def _again(
    ports: Ports, side: str, case: Case, step: Step, candidate: Question[CaseFacts, RefundAnswer]
) -> tuple[Response | None, Document]:
    command, order = command_of(step, case), order_of(step)
    if overtaken(case, command, step.first.at):
        return None, row(step, (), None, None)
    response = await respond(
        side,
        case,
        command,
        order,
        lambda facts: ports.ask(candidate, facts, about=step.first.cause),
        question=candidate,
        now=step.first.at,
    )
    was = await _ledger(ports, step.first.ai_metadata)
    would = await _ledger(ports, _reason(response, step, ports.event.key).ai_metadata)
    return response, row(step, tuple(fact.TYPE for fact in response.facts), was, would)


def steps_of(recorded: Sequence[Recorded], *, whole: bool) -> list[Step]:
    """Events by the command that led to them; unless `whole`, the last command's may not all be there."""
    steps: list[Step] = []
    for event in recorded:
        if event.command:
            steps.append(Step(event, (event,)))
        elif steps:
            steps[-1] = Step(steps[-1].first, (*steps[-1].events, event))
    return steps if whole else steps[:-1]


def command_of(step: Step, case: Case) -> Command:
    """The command as it was given; a decision of a person is about the side case's own review."""
    recorded = step.first.command or {}
    command = REPLAYED[recorded["type"]].model_validate(recorded["data"])
    if isinstance(command, ApprovalDecided | ApprovalExpired):
        return command.model_copy(update={"approval_id": case.review.approval_id if case.review else ""})
    return command


def order_of(step: Step) -> Order | None:
    seen = (step.first.command or {}).get("order")
    return Order.model_validate(seen) if seen else None


def row(step: Step, would_be: Sequence[str], was: Document | None, would: Document | None) -> Document:
    """One command's line in the comparison."""
    decided = [event.type for event in step.events]
    return {
        "version": step.first.version,
        "command": (step.first.command or {})["type"],
        "decided": decided,
        "would_be_decided": list(would_be),
        "same": decided == list(would_be),
        "tokens": _tokens(was),
        "would_be_tokens": _tokens(would),
        "cost_usd": (was or {}).get("cost_usd") or 0.0,
        "would_be_cost_usd": (would or {}).get("cost_usd") or 0.0,
    }


def compare(known: Document | None, asked: WhatIf, rows: Sequence[Document], side: Case, *, done: bool) -> Document:
    """The comparison so far: totals of all commands, and the last rows."""
    before = known or {}
    totals = {
        name: before.get(name, 0) + sum(row[name] for row in rows)
        for name in ("tokens", "would_be_tokens", "cost_usd", "would_be_cost_usd")
    }
    return {
        "id": "comparison",
        "kind": "comparison",
        "case_id": asked.case_id,
        "candidate": asked.candidate,
        "commands": before.get("commands", 0) + len(rows),
        "different": before.get("different", 0) + sum(not row["same"] for row in rows),
        **totals,
        "would_be_status": side.status,
        "rows": [*before.get("rows", []), *rows][-ROWS_KEPT:],
        "done": done,
    }


def _reason(response: Response, step: Step, key: str) -> Reason:
    return response.reason(key, command_of(step, Case()), order_of(step), about=step.first.cause)


def _go_on(asked: WhatIf, key: str, steps: Sequence[Step], side: str) -> Announce:
    last = steps[:COMMANDS_AT_ONCE][-1].events[-1].version if steps else asked.after
    further = asked.model_copy(update={"run": asked.run or key, "after": last})
    return Announce(ENTITY_COMMANDS, WhatIf.TYPE, further, session=side)


async def _ledger(ports: Ports, ai_metadata: Document | None) -> Document | None:
    """What a decision cost; the ledger forgets in the end, the stream does not."""
    if ai_metadata is None:
        return None
    return await ports.load(DECISIONS, ai_metadata["event_key"], ai_metadata["ledger_entry"])


def _tokens(entry: Document | None) -> int:
    return entry["tokens"]["input"] + entry["tokens"]["output"] if entry else 0
