"""What waits for a person: asked by its owner -> listed in `views` -> decided over HTTP, or by default when time is up

The owner (a saga, a stream) keeps the truth in its own partition and commits `pending` there. It announces
`approval_changed` to itself, which lists the approval in `views`; a decision comes back to the owner as
`approval_decided`, the end of the time as `approval_expired`, scheduled when it was asked. Whichever the owner commits
first counts; it then announces `approval_changed` again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar, Literal
from uuid import uuid4

import azure.functions as func
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.entities import KEPT, VIEWS
from services.kernel.caller import Caller
from services.kernel.commit import Home
from services.kernel.effects import Effects, Put, stale
from services.kernel.event import Event, EventData
from services.kernel.ids import safe_id
from services.kernel.message import entering
from services.kernel.ports import Ports
from services.kernel.problem import Problem, answers, ok
from services.kernel.service import Reaction, Service
from services.kernel.topology import Topic

ROLE = "Approvals.Decide"
"""The app role of those who may see and decide approvals."""

Status = Literal["pending", "decided", "expired", "withdrawn"]
"""`withdrawn`: what was asked about is gone, so that nobody decided it."""


class ApprovalChanged(EventData):
    """An approval as its owner has it now.

    `session` is the owner's ordering key on its own topic, `default` the option that counts once `expires_at` is past.
    """

    TYPE: ClassVar = "approval_changed"

    approval_id: str
    pattern: str
    owner: str
    session: str
    subject: str
    question: str
    options: tuple[str, ...]
    default: str
    asked_at: datetime
    expires_at: datetime
    status: Status = "pending"
    decision: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    comment: str = ""


class ApprovalDecided(EventData):
    """A person has decided; `by` is who, as their token says."""

    TYPE: ClassVar = "approval_decided"

    approval_id: str
    owner: str
    decision: str
    by: str
    comment: str = ""


class ApprovalExpired(EventData):
    """Nobody has decided in time."""

    TYPE: ClassVar = "approval_expired"

    approval_id: str
    owner: str


class ApprovalRequested(EventData):
    """Somebody should decide: what is told to people, on `insights`."""

    TYPE: ClassVar = "approval_requested"

    approval_id: str
    pattern: str
    subject: str
    question: str
    options: tuple[str, ...]
    default: str
    expires_at: datetime


class Verdict(BaseModel):
    """What a person sends."""

    model_config = ConfigDict(extra="forbid")

    decision: str = Field(min_length=1, max_length=100)
    comment: str = Field(default="", max_length=2_000)


def listing() -> Reaction[ApprovalChanged]:
    """The reaction that keeps the list in `views`: a decision that is listed is not undone by a late question."""

    async def keep(event: Event[ApprovalChanged], ports: Ports) -> Effects:
        listed = await ports.mine(ports.home.partition)
        if listed and listed["status"] != "pending":
            return stale(f"the approval is {listed['status']} already")
        document = {
            **event.data.model_dump(mode="json"),
            "kind": "approval",
            **({"ttl": int(KEPT.total_seconds())} if event.data.status != "pending" else {}),
        }
        return Effects((Put(document, (listed or {}).get("_etag")),))

    return Reaction(ApprovalChanged, lambda event: Home(VIEWS, _view(event.data.approval_id)), keep)


def approval_functions(
    triggers: func.Blueprint, service: Service, replies: Topic, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> None:
    """Add `GET /api/approvals` and `POST /api/approvals/{id}` to a pattern; decisions go to its own topic `replies`."""
    pattern = service.topology.name

    @triggers.route("approvals", trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    @answers
    async def list_approvals(request: func.HttpRequest) -> func.HttpResponse:  # pyright: ignore[reportUnusedFunction]
        Caller.of(request).must_have(ROLE)
        pending = await service.documents.query(
            VIEWS,
            "SELECT * FROM c WHERE c.kind = 'approval' AND c.pattern = @pattern AND c.status = 'pending'",
            {"pattern": pattern},
        )
        return ok({"approvals": [ApprovalChanged.model_validate(each).model_dump(mode="json") for each in pending]})

    @triggers.route(
        "approvals/{approval}", trigger_arg_name="request", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS
    )
    @answers
    async def decide_approval(request: func.HttpRequest) -> func.HttpResponse:  # pyright: ignore[reportUnusedFunction]
        caller = Caller.of(request)
        caller.must_have(ROLE)
        verdict = _verdict(request)
        approval = await _pending(service, request.route_params["approval"], now())
        if verdict.decision not in approval.options:
            options = ", ".join(approval.options)
            raise Problem(400, "no-such-option", f"decision is {verdict.decision!r}; allowed are {options}")
        decided = ApprovalDecided(
            approval_id=approval.approval_id,
            owner=approval.owner,
            decision=verdict.decision,
            by=caller.name,
            comment=verdict.comment,
        )
        event = CloudEvent(
            {
                "id": uuid4().hex,  # whoever was refused for a passing reason may say it again; the owner counts once
                "source": f"/approvals/{pattern}",
                "type": ApprovalDecided.TYPE,
                "time": now(),
                "datacontenttype": "application/json",
            },
            decided.model_dump(mode="json"),
        )
        await service.send([entering(event, replies, session=approval.session)])
        return ok({"approval": approval.approval_id, "decision": verdict.decision, "by": caller.name}, 202)


async def _pending(service: Service, approval_id: str, now: datetime) -> ApprovalChanged:
    view = _view(approval_id)
    document = await service.documents.load(VIEWS, view, view)
    if document is None or document["pattern"] != service.topology.name:
        raise Problem(404, "no-such-approval", f"there is no approval {approval_id!r} here")
    approval = ApprovalChanged.model_validate(document)
    if approval.status != "pending" or approval.expires_at <= now:
        by = f" by {approval.decided_by}" if approval.decided_by else ""
        status = "expired" if approval.status == "pending" else approval.status
        raise Problem(409, "not-pending", f"approval {approval_id!r} is {status} already{by}")
    return approval


def _verdict(request: func.HttpRequest) -> Verdict:
    try:
        return Verdict.model_validate_json(request.get_body())
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
        raise Problem(400, "wrong-schema", f'expected {{"decision": ..., "comment": ...}}; {problems}') from error


def _view(approval_id: str) -> str:
    return safe_id("approval", approval_id)
