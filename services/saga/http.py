"""GET sagas/{saga}, POST sagas/{saga}/cancel -> what is there, or a message to the saga; the doors of this pattern"""

from datetime import UTC, datetime
from typing import Any

import azure.functions as func
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.entities import SAGA_STEPS, SAGAS
from services.kernel.caller import Caller
from services.kernel.ids import safe_id
from services.kernel.message import entering
from services.kernel.problem import Problem, answers, ok
from services.kernel.service import Service
from services.saga.definitions import definition_of
from services.saga.engine import too_late_to_stop
from services.saga.events import SagaCancelled
from services.saga.saga import Saga

READ = "Sagas.Read"
CANCEL = "Sagas.Cancel"


class Wish(BaseModel):
    """The body of a cancellation; it may be empty."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=500)


def saga_functions(triggers: func.Blueprint, service: Service) -> None:
    """Add the doors to a pattern's triggers."""

    @triggers.route("sagas/{saga}", trigger_arg_name="request", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    @answers
    async def show_saga(request: func.HttpRequest) -> func.HttpResponse:  # pyright: ignore[reportUnusedFunction]
        Caller.of(request).must_have(READ)
        saga_id = request.route_params["saga"]
        saga = await _saga(service, saga_id)
        return ok({"saga_id": saga_id, **saga.model_dump(mode="json", exclude={"kind"})})

    @triggers.route(
        "sagas/{saga}/cancel", trigger_arg_name="request", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS
    )
    @answers
    async def cancel_saga(request: func.HttpRequest) -> func.HttpResponse:  # pyright: ignore[reportUnusedFunction]
        caller = Caller.of(request)
        caller.must_have(CANCEL)
        wish, saga_id = _wish(request), request.route_params["saga"]
        saga = await _saga(service, saga_id)
        if too_late := too_late_to_stop(saga, definition_of(saga.saga_type)):
            raise Problem(409, "too-late", f"saga {saga_id!r} cannot be cancelled: {too_late}")
        cancelled = SagaCancelled(saga_id=saga_id, by=caller.name, reason=wish.reason)
        event = CloudEvent(
            {
                "id": safe_id(caller.name, wish.reason, saga_id),
                "source": "/sagas",
                "type": SagaCancelled.TYPE,
                "time": datetime.now(UTC),
                "datacontenttype": "application/json",
            },
            cancelled.model_dump(mode="json"),
        )
        await service.send([entering(event, SAGA_STEPS, session=saga_id)])
        return ok({"saga_id": saga_id, "status": "cancelling", "by": caller.name}, 202)


async def _saga(service: Service, saga_id: str) -> Saga:
    document: dict[str, Any] | None = await service.documents.load(SAGAS, saga_id, saga_id)
    if document is None:
        raise Problem(404, "no-such-saga", f"there is no saga {saga_id!r}")
    return Saga.model_validate(document)


def _wish(request: func.HttpRequest) -> Wish:
    body = request.get_body()
    try:
        return Wish.model_validate_json(body) if body.strip() else Wish()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
        raise Problem(400, "wrong-schema", f'expected {{"reason": ...}} or nothing; {problems}') from error
