"""The sample events, played together: each saga ends as the samples mean it, and they stay true to the code."""

import json
from pathlib import Path
from typing import Any

from services.entities import ACCOUNTS, ITEMS, STOCK
from services.kernel.ids import safe_id
from services.saga.handler import SERVICE
from tests.services.events import message
from tests.services.saga.shop import account, available, drain
from tests.services.world import World

SAMPLES = Path(__file__).parents[3] / "samples"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def test_stock_and_accounts_stand_where_steps_look_for_them() -> None:
    for document in lines("documents/stock.jsonl"):
        assert document["id"] == document[STOCK.partition_key] == safe_id("product", document["sku"])
    for document in lines("documents/accounts.jsonl"):
        assert document["id"] == document[ACCOUNTS.partition_key] == safe_id("account", document["customer_id"])


async def test_each_sample_ends_as_it_should(world: World) -> None:
    # given
    for container in (STOCK, ACCOUNTS):
        for document in lines(f"documents/{container.name}.jsonl"):
            await world.put(container.name, document)

    # when
    for line in lines("saga.jsonl"):
        if "write" in line:
            await world.put(ITEMS.name, line["document"])
        else:
            await world.send(message(line))
    await drain(world, world.start(SERVICE))

    # then
    sagas = {each["subject"]: each for each in await world.documents("sagas", "saga")}
    assert {subject: each["status"] for subject, each in sagas.items()} == {
        "O-501": "completed",
        "O-502": "compensated",  # not enough funds
        "O-503": "running",  # of high risk: a person is asked first
        "O-504": "running",  # a large parcel: a person is asked before it leaves
        "F-501": "completed",  # whatever its reason orders
        "F-502": "compensated",  # a customer without an account
    }
    waiting = {subject: each["approval"]["question"] for subject, each in sagas.items() if each["approval"]}
    assert waiting.keys() == {"O-503", "O-504"}
    assert [each.reason for each in await world.parked()] == ["unknown-saga"]
    assert (await available(world, "P-100"), await available(world, "P-200")) == (38, 25)
    assert (await account(world, "C-1001"))["balance"] == 5000 - 615
    assert (await account(world, "C-1004"))["credit"] == 10
