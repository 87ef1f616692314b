"""One day of a business, through all five patterns: what came in by the doors, and what the world is like afterwards.

The whole stack runs as on a developer's machine: emulators, all apps, HTTP doors with sign-in. Nothing is called here
but what a customer, a colleague or an operator would call; nothing is asserted but what is written, streamed or mailed.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest
from azure.cosmos.aio import DatabaseProxy
from azure.servicebus import ServiceBusMessage

from local.demo.samples import load_documents
from local.mailbox.store import Mail
from local.stack import Stack
from services.entities import ACCOUNTS, DATABASE, EVENTS, INSIGHTS, ITEM_VERSIONS, ITEMS, RECIPIENTS, SAGAS, STOCK
from services.kernel.ids import safe_id
from tests.services.events import cloud_event

PATIENCE = 40.0
"""Seconds within which what follows must have followed, on a busy machine."""
ROLES = ("Events.Send", "Alerts.Send", "Approvals.Decide", "Sagas.Read", "Cases.Read")
T = TypeVar("T")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("day") / "local", say=lambda _: None)
    running.processes.claim()
    try:
        running.start(together=True, knobs='{"differs": 0}')
        yield running
    finally:
        running.stop()


@dataclass
class Day:
    """What a tester may do and see."""

    stack: Stack
    database: DatabaseProxy
    http: httpx.AsyncClient

    async def tell(self, *events: dict[str, Any]) -> None:
        """Send events as the business does: by POST /api/events."""
        for event in events:
            kind = "application/cloudevents+json" if "specversion" in event else "application/json"
            url = f"{self.stack.url_of('sources')}/api/events"
            answer = await self.http.post(url, content=json.dumps(event), headers={"Content-Type": kind})
            assert answer.status_code == 202, answer.text

    async def approve(self, pattern: str, subject: str) -> None:
        """Wait until a person is asked about this, and agree."""
        url = f"{self.stack.url_of(pattern)}/api/approvals"

        async def asked() -> Any:
            waiting = (await self.http.get(url)).json()["approvals"]
            return next((each for each in waiting if subject in each["subject"]), None)

        approval = await until(asked, f"nobody was asked about {subject}")
        answer = await self.http.post(f"{url}/{approval['approval_id']}", json={"decision": "approve"})
        assert answer.status_code == 202, answer.text

    async def item(self, kind: str, foreign_id: str) -> dict[str, Any] | None:
        return await self.document(ITEMS.name, safe_id(kind, foreign_id))

    async def saga(self, saga_type: str, subject: str, *statuses: str) -> dict[str, Any]:
        """The saga once it has ended."""

        async def ended() -> Any:
            saga = await self.document(SAGAS.name, safe_id(saga_type, subject))
            return saga if saga and saga["status"] in statuses else None

        return await until(ended, f"{saga_type} of {subject} did not end {' or '.join(statuses)}")

    async def document(self, container: str, document_id: str) -> dict[str, Any] | None:
        found = await self.find(container, "SELECT * FROM c WHERE c.id = @id", id=document_id)
        return found[0] if found else None

    async def find(self, container: str, query: str, **values: object) -> list[dict[str, Any]]:
        named: Any = [{"name": f"@{name}", "value": value} for name, value in values.items()]
        return [
            each async for each in self.database.get_container_client(container).query_items(query, parameters=named)
        ]

    async def stock(self, product: str) -> int:
        found = await self.document(STOCK.name, safe_id("product", product))
        assert found
        return int(found["available"])

    async def balance(self, customer: str) -> Decimal:
        found = await self.document(ACCOUNTS.name, safe_id("account", customer))
        assert found
        return Decimal(found["balance"])

    def mail(self, recipient: str) -> list[Mail]:
        url = f"http://127.0.0.1:{self.stack.mailbox_port}/messages"
        return [
            Mail.model_validate(each) for each in httpx.get(url, params={"recipient": recipient}).json()["messages"]
        ]


async def until(look: Callable[[], Awaitable[T | None]], otherwise: str) -> T:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if found := await look():
            return found
        await asyncio.sleep(0.1)
    pytest.fail(otherwise)


def colleague(name: str, role: str, **preferences: Any) -> dict[str, Any]:
    partition = safe_id("recipient", name)
    return {
        "id": partition,
        "recipient_id": partition,
        "kind": "recipient",
        "recipient": name,
        "name": name.title(),
        "role": role,
        "time_zone": "Europe/Berlin",
        "channels": [{"channel": "email", "address": f"{name}@shop.example"}],
    } | preferences


def order_of(order: str, customer: str, product: str, quantity: int, price: str) -> dict[str, Any]:
    """The article's form: a type and data, nothing else."""
    line = {"product_id": product, "quantity": quantity, "unit_price": price}
    return {"type": "order_placed", "data": {"order_id": order, "customer_id": customer, "items": [line]}}


@pytest.fixture
async def day(stack: Stack) -> AsyncIterator[Day]:
    now = datetime.now(UTC)
    sleeping = {"from": f"{now - timedelta(hours=2):%H:%M}", "to": f"{now + timedelta(hours=3):%H:%M}"}
    people = (
        colleague("sam", "support"),
        colleague("nia", "support", time_zone="UTC", quiet=sleeping, digest="never"),
        colleague("dora", "finance", digest="always"),
        colleague("max", "manager"),
    )
    accounts = ({"customer_id": "J-1", "balance": "1000.00"}, {"customer_id": "J-2", "balance": "5.00"})
    bearer = {"Authorization": f"Bearer {stack.token(roles=ROLES, name='tess@shop.example')}"}
    async with stack.cosmos() as cosmos, httpx.AsyncClient(headers=bearer, timeout=30) as http:
        database = cosmos.get_database_client(DATABASE)
        await load_documents(cosmos, {"reference", "stock"})
        for person in people:
            await database.get_container_client(RECIPIENTS.name).upsert_item(person)
        for account in accounts:
            partition = safe_id("account", account["customer_id"])
            document = {
                "id": partition,
                "account_id": partition,
                "kind": "account",
                "credit": "0.00",
                "currency": "EUR",
            }
            await database.get_container_client(ACCOUNTS.name).upsert_item({**document, **account})
        yield Day(stack, database, http)


@pytest.mark.timeout(240)
async def test_a_business_day(day: Day) -> None:  # noqa: PLR0915 - a day has many hours
    stock = await day.stock("P-110")

    # a customer is created, and enriched
    known = {"name": "Ada Berg", "email": "ada@nordlicht.example", "company": "Nordlicht Logistik", "employees": 420}
    await day.tell({"type": "customer_created", "data": {"customer_id": "J-1", **known}})
    customer = await until(lambda: day.item("customer", "J-1"), "the customer was not enriched")
    assert customer["predicted_segment"] == "enterprise"

    # orders; what is small and paid for is fulfilled
    await day.tell(order_of("JO-1", "J-1", "P-110", 2, "39.90"))
    fulfilled = await day.saga("order_fulfilment", "JO-1", "completed", "compensated", "failed")
    assert (fulfilled["status"], fulfilled["last_error"]) == ("completed", None)
    assert fulfilled["steps_completed"] == ["reserve_stock", "take_payment", "ship_order"]
    assert await day.stock("P-110") == stock - 2
    assert await day.balance("J-1") == Decimal("920.20")

    # a risky order needs a person's word, fails at payment and is compensated: the world is as before
    await day.tell(order_of("JO-2", "J-2", "P-110", 3, "2000"))
    await day.approve("saga", "JO-2")
    undone = await day.saga("order_fulfilment", "JO-2", "completed", "compensated", "failed")
    assert undone["status"] == "compensated"
    assert undone["last_error"].startswith("take_payment: not enough funds")
    assert await day.stock("P-110") == stock - 2
    assert await day.balance("J-2") == Decimal("5.00")

    # feedback escalates
    said = "Worst support ever, my parcel is broken and I want a lawyer today."
    await day.tell(
        {"type": "feedback_received", "data": {"feedback_id": "JF-1", "customer_id": "J-1", "text": said, "rating": 1}}
    )
    escalated = await day.saga("customer_escalation", "JF-1", "completed", "compensated", "failed")
    assert escalated["status"] == "completed"

    # an item is changed by somebody else, significantly
    order = await day.item("order", "JO-1")
    assert order
    changed = {key: value for key, value in order.items() if not key.startswith("_")} | {"status": "complaint"}
    await day.database.get_container_client(ITEMS.name).upsert_item(changed)

    async def analysed() -> Any:
        versions = await day.find(ITEM_VERSIONS.name, "SELECT * FROM c WHERE c.kind = 'version'")
        mine = [each for each in versions if each["ref"]["id"] == order["id"] and "change_type" in each["decided"]]
        return mine[0]["decided"] if mine else None

    decided = await until(analysed, "the change was not analysed")
    assert decided["significant_change"]

    # a refund case is opened, judged, agreed to by a person and paid; all of it in one stream
    await day.tell(cloud_event("open_refund", {"case_id": "JR-1", "order_id": "JO-1", "reason": "one is broken"}))
    await day.approve("event_sourcing", "JR-1")

    async def paid() -> Any:
        stream = await day.find(EVENTS.name, "SELECT * FROM c WHERE c.kind = 'event' ORDER BY c.version")
        return stream if any(each["type"] == "refund_paid" for each in stream) else None

    stream = await until(paid, "the refund was not paid")
    assert [each["type"] for each in stream] == ["refund_opened", "review_requested", "refund_approved", "refund_paid"]
    assert [each["version"] for each in stream] == [1, 2, 3, 4]
    assert stream[0]["data"]["amount"] == "79.80"
    assert stream[2]["data"]["by"] == "tess@shop.example"

    # people are told: one at once, one not before their quiet hours are over, one by digest
    await until(_mail(day, "sam@shop.example"), "support was told nothing")
    assert not day.mail("nia@shop.example")
    (waiting, *_) = await until(_deliveries(day, "nia", "deferred"), "nothing waits for the end of nia's quiet hours")
    assert "not_quiet" in {rule["rule"] for rule in waiting["explained"] if rule["outcome"] == "defer"}
    assert not day.mail("dora@shop.example")
    await until(_deliveries(day, "dora", "digested"), "nothing waits for dora's digest")
    await _say_digest_is_due(day)
    digests = await until(_mail(day, "dora@shop.example"), "dora's digest did not come")
    assert len(digests) == 1

    # nothing was lost on the way, and nobody was told twice
    async with day.stack.bus() as bus, bus.get_queue_receiver("dead-letters") as receiver:
        assert [str(letter) for letter in await receiver.peek_messages(50)] == []
    for person in ("sam", "dora", "max"):
        keys = [mail.key for mail in day.mail(f"{person}@shop.example")]
        assert len(keys) == len(set(keys))


def _mail(day: Day, address: str) -> Callable[[], Awaitable[list[Mail]]]:
    async def look() -> list[Mail]:
        return day.mail(address)

    return look


def _deliveries(day: Day, name: str, status: str) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    return lambda: day.find(
        RECIPIENTS.name,
        "SELECT * FROM c WHERE c.recipient_id = @recipient AND c.status = @status",
        recipient=safe_id("recipient", name),
        status=status,
    )


async def _say_digest_is_due(day: Day) -> None:
    """As `sources` says it every hour; tomorrow's, so that nobody has to wait for dora's hour."""
    at = datetime.now(UTC) + timedelta(days=1)
    due = cloud_event("digest_due", {"at": at.isoformat()}, source="/sources/clock", time=datetime.now(UTC).isoformat())
    async with day.stack.bus() as bus, bus.get_topic_sender(INSIGHTS.name) as sender:
        await sender.send_messages(ServiceBusMessage(json.dumps(due), subject="digest_due", message_id="tomorrow"))
