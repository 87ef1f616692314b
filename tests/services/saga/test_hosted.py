"""The function app as it stands, in the host: orders become sagas, and whoever may can look at them over HTTP."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import azure.functions as func
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from local.host.apps import read_app
from local.host.host import Host
from local.host.host_json import load_host_json
from local.host.sign_in import Door, SignIn
from local.processes import free_port
from local.tokens import issue, public_half
from services.entities import INSIGHTS
from services.saga.handler import SERVICE
from services.saga.http import CANCEL, READ
from services.saga.triggers import triggers
from tests.services.events import message
from tests.services.saga.shop import analyzed, available, ended, open_shop, put_account, put_order, saga_of
from tests.services.world import World, app_of

FOLDER = Path(__file__).parents[3] / "services" / "saga"
DOOR = Door(issuer="https://login.example/tenant/v2.0", audiences=("client-id",))
ORDERS = ("O-1", "O-2", "O-3")


async def test_orders_are_fulfilled_side_by_side_and_shown_to_who_may_see_them(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given: three orders, of which the second one cannot be paid
    app = func.FunctionApp()
    app.register_functions(triggers)
    declared = app_of(world.plan, "saga").declared
    settings = {**declared, "ServiceBus": world.setting("ServiceBus"), "Cosmos": world.setting("Cosmos")}
    hosted = read_app(app, "saga", load_host_json(FOLDER), settings)
    monkeypatch.setattr(SERVICE, "_opened", None)
    await open_shop(world, customers=("C-1", "C-3"))
    await put_account(world, "C-2", balance="1.00")
    for order_id, customer in zip(ORDERS, ("C-1", "C-2", "C-3"), strict=True):
        line = {"product_id": "P-110", "quantity": 2, "unit_price": "39.00"}
        await put_order(world, order_id, customer, items=[line])
    await world.send(*(message(analyzed(order_id)) for order_id in ORDERS), topic=INSIGHTS.name)

    # when
    key, port = generate_private_key(public_exponent=65537, key_size=2048), free_port()
    sign_in = SignIn(key=public_half(key), apps={"saga": DOOR})
    host, stopping, ready = (
        Host((hosted,), settings, memory=tmp_path, port=port, sign_in=sign_in),
        asyncio.Event(),
        asyncio.Event(),
    )
    running = asyncio.create_task(host.run(stopping, ready))
    async with asyncio.timeout(30):
        while len(await ended(world)) < len(ORDERS):
            await asyncio.sleep(0.1)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/") as client:

            async def ask(method: str, path: str, *roles: str) -> httpx.Response:
                token = issue(key, DOOR, name="ada", roles=roles, lifetime=timedelta(hours=1))
                return await client.request(method, path, headers={"authorization": f"Bearer {token}"})

            shown = [(await ask("GET", f"sagas/{saga_of(order_id)}", READ)).json() for order_id in ORDERS]
            refused: list[Any] = [
                await client.get(f"sagas/{saga_of()}"),
                await ask("GET", f"sagas/{saga_of()}"),
                await ask("POST", f"sagas/{saga_of()}/cancel", CANCEL),
            ]
    stopping.set()
    await running

    # then
    assert [each["status"] for each in shown] == ["completed", "compensated", "completed"]
    assert shown[1]["last_error"] == "take_payment: not enough funds: 1.00 of 78.00 EUR"
    assert await available(world, "P-110") == 36
    assert [answer.status_code for answer in refused] == [
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.CONFLICT,
    ]
    assert not await world.parked()
