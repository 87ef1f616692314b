"""/_standin/...: turn knobs, write scripts, read figures; in the API's error shape, with the API's key"""

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.model.desk import Desk
from local.model.errors import ApiError, parse_json
from local.model.knobs import Knobs, explain
from local.model.script import Script
from local.model.shapes import JsonObject, is_object


def control_routes(desk: Desk) -> list[Route]:
    """The doors for tests, chaos and the dashboard."""

    async def knobs(_: Request) -> Response:
        return JSONResponse(desk.board.knobs.model_dump(mode="json"))

    async def turn(request: Request) -> Response:
        try:
            desk.board.turn(await _object(request, "knobs"))
        except ValidationError as error:
            raise _invalid(error, "knobs", Knobs) from error
        return JSONResponse(desk.board.knobs.model_dump(mode="json"))

    async def reset_knobs(_: Request) -> Response:
        desk.board.reset()
        return JSONResponse(desk.board.knobs.model_dump(mode="json"))

    async def script(request: Request) -> Response:
        try:
            desk.scripts.add(Script.model_validate(await _object(request, "script")))
        except ValidationError as error:
            raise _invalid(error, "script", Script) from error
        return Response(status_code=204)

    async def clear_scripts(_: Request) -> Response:
        desk.scripts.clear()
        return Response(status_code=204)

    async def stats(_: Request) -> Response:
        return Response(desk.stats.figures().model_dump_json(), media_type="application/json")

    async def reset_stats(_: Request) -> Response:
        desk.stats.reset()
        return Response(status_code=204)

    return [
        Route("/_standin/knobs", knobs, methods=["GET"]),
        Route("/_standin/knobs", turn, methods=["POST"]),
        Route("/_standin/knobs", reset_knobs, methods=["DELETE"]),
        Route("/_standin/script", script, methods=["POST"]),
        Route("/_standin/script", clear_scripts, methods=["DELETE"]),
        Route("/_standin/stats", stats, methods=["GET"]),
        Route("/_standin/stats", reset_stats, methods=["DELETE"]),
    ]


async def _object(request: Request, what: str) -> JsonObject:
    raw = parse_json(await request.body())
    if not is_object(raw):
        raise ApiError(400, f"{what} must be a JSON object, not {raw!r:.80}.")
    return raw


def _invalid(error: ValidationError, what: str, allowed: type[Knobs | Script]) -> ApiError:
    first = error.errors(include_url=False)[0]["loc"]
    return ApiError(400, explain(error, what, allowed), param=".".join(map(str, first)) or None, code="invalid_value")
