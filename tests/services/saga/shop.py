"""A shop with stock, accounts and orders; what happens in it; and how its books are compared."""

from decimal import Decimal
from typing import Any

from services.entities import ACCOUNTS, INSIGHTS, ITEMS, SAGA_STEPS, SAGA_TIMEOUTS, SAGAS, STOCK
from services.kernel.ids import safe_id
from services.kernel.service import Service
from services.saga.handler import SERVICE
from tests.services.events import cloud_event, message
from tests.services.world import World

QUIET = 0.04
"""Seconds without a message after which nothing more is on its way."""
BOOKKEEPING = ("inbox", "outbox", "hold")
"""What stands beside stock and accounts and is no value."""


def saga_of(subject: str = "O-1", saga_type: str = "order_fulfilment") -> str:
    return safe_id(saga_type, subject)


def analyzed(order_id: str = "O-1", risk: str = "low", **attributes: Any) -> dict[str, Any]:
    return cloud_event("order_analyzed", {"order_id": order_id, "risk": risk}, **attributes)


def feedback(urgency: str = "urgent", customer: str = "C-1", **attributes: Any) -> dict[str, Any]:
    data = {"feedback_id": "F-1", "customer_id": customer, "sentiment": "negative", "urgency": urgency}
    return cloud_event("feedback_analyzed", data, **attributes)


def refund(amount: str = "900", **attributes: Any) -> dict[str, Any]:
    data = {"case_id": "R-1", "customer_id": "C-1", "amount": amount, "currency": "EUR"}
    return cloud_event("refund_escalated", data, **attributes)


async def open_shop(world: World, *, customers: tuple[str, ...] = ("C-1",)) -> None:
    for product, available in (("P-100", 5), ("P-110", 40)):
        place = safe_id("product", product)
        await world.put(
            STOCK.name,
            {"id": place, STOCK.partition_key: place, "kind": "stock", "sku": product, "available": available},
        )
    for customer in customers:
        await put_account(world, customer)


async def put_account(world: World, customer: str = "C-1", balance: str = "3000.00", **more: Any) -> None:
    place = safe_id("account", customer)
    account = {"kind": "account", "customer_id": customer, "balance": balance, "credit": "0.00", "currency": "EUR"}
    await world.put(ACCOUNTS.name, {"id": place, ACCOUNTS.partition_key: place, **account, **more})


async def put_order(world: World, order_id: str = "O-1", customer: str = "C-1", **more: Any) -> None:
    """Two desks and three lamps: 615.00 EUR."""
    place = safe_id("order", order_id)
    lines = [
        {"product_id": "P-100", "quantity": 2, "unit_price": "249.00"},
        {"product_id": "P-110", "quantity": 1, "unit_price": "39.00"},
        {"product_id": "P-110", "quantity": 2, "unit_price": "39.00"},
    ]
    order = {"kind": "order", "order_id": order_id, "customer_id": customer, "items": lines, "currency": "EUR"}
    await world.put(
        ITEMS.name, {"id": place, ITEMS.partition_key: place, **order, "risk": "low", "shipping": "standard", **more}
    )


async def values(world: World) -> list[dict[str, Any]]:
    """Stock and accounts, without the bookkeeping beside them: what a compensation must restore."""
    found = [*await world.documents(STOCK.name), *await world.documents(ACCOUNTS.name)]
    numbers = ("balance", "credit", "available")
    return [
        {key: Decimal(value) if key in numbers else value for key, value in document.items()}
        for document in found
        if document["kind"] not in BOOKKEEPING
    ]


async def available(world: World, product: str = "P-100") -> int:
    return next(int(each["available"]) for each in await values(world) if each.get("sku") == product)


async def account(world: World, customer: str = "C-1") -> dict[str, Any]:
    return next(each for each in await values(world) if each.get("customer_id") == customer)


async def holds(world: World) -> list[dict[str, Any]]:
    return [*await world.documents(STOCK.name, "hold"), *await world.documents(ACCOUNTS.name, "hold")]


async def saga(world: World, saga_id: str = "") -> dict[str, Any]:
    return next(each for each in await world.documents(SAGAS.name, "saga") if each["id"] == (saga_id or saga_of()))


async def drain(world: World, *processes: Service) -> None:
    """Let everything happen that follows at once: what a commit announces is at its topic when the commit returns."""
    await world.drain(*processes, patience=QUIET)


async def play(world: World, *events: dict[str, Any], process: Service | None = None) -> Service:
    """Send insights and let everything happen that follows at once."""
    process = process or world.start(SERVICE)
    await world.send(*map(message, events), topic=INSIGHTS.name)
    await drain(world, process)
    return process


async def tell(world: World, event: dict[str, Any], saga_id: str = "") -> None:
    """Send a message to a saga, as its doors do."""
    await world.send(message(event, session_id=saga_id or saga_of()), topic=SAGA_STEPS.name)


async def ring(world: World, kind: str, **data: Any) -> None:
    """Let something be due now that was scheduled for later."""
    await world.send(message(cloud_event(kind, {"saga_id": saga_of(), **data})), topic=SAGA_TIMEOUTS.name)


async def ended(world: World) -> list[tuple[str, str]]:
    return [
        (event["type"], event["data"]["subject"])
        for event in await world.events(INSIGHTS)
        if event["type"] in ("saga_completed", "saga_compensated", "saga_failed")
    ]


def what(saga: dict[str, Any]) -> list[str]:
    """The journal in short."""
    return [" ".join(filter(None, (entry["what"], entry["step"]))) for entry in saga["journal"]]
