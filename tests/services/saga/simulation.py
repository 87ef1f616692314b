"""The pattern's own handlers on stores that are dicts and a bus that is a bag: any order, any repetition, in no time.

There are no inbox markers here: what holds without them holds all the more with them.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from services.entities import ACCOUNTS, INSIGHTS, ITEMS, STOCK
from services.kernel.ask import Answered
from services.kernel.commit import Home
from services.kernel.effects import Announce, Effects
from services.kernel.event import Event, EventData
from services.kernel.ids import safe_id
from services.kernel.outcome import Park
from services.kernel.topology import Container
from services.saga.handler import SERVICE

REACTIONS = SERVICE._reactions
Place = tuple[str, str, str]
"""Container, partition, id."""


@dataclass(frozen=True)
class Letter:
    """A message in the bag; `timer` is one that waits at its topic for its time."""

    type: str
    data: dict[str, Any]
    timer: bool = False


@dataclass
class Books:
    """Ports for one event."""

    home: Home
    simulation: "Simulation"

    async def mine(self, document_id: str) -> dict[str, Any] | None:
        return self.simulation.documents.get((self.home.container.name, self.home.partition, document_id))

    async def load(self, container: Container, partition: str, document_id: str) -> dict[str, Any] | None:
        return self.simulation.documents.get((container.name, partition, document_id))

    async def ask(self, question: Any, facts: Any, about: str = "") -> Answered[Any]:
        self.simulation.questions += 1
        return Answered(self.simulation.answer(question, facts), "model", "a model")


@dataclass
class Simulation:
    answer: Callable[[Any, Any], Any] = lambda question, facts: question.rules(facts)
    documents: dict[Place, dict[str, Any]] = field(default_factory=dict)
    bag: list[Letter] = field(default_factory=list)
    insights: list[Letter] = field(default_factory=list)
    questions: int = 0
    versions: int = 0

    def put(self, container: Container, partition: str, document: dict[str, Any]) -> None:
        self.versions += 1
        document = {"id": partition, **document, "_etag": str(self.versions)}
        self.documents[container.name, partition, document["id"]] = document

    def happen(self, kind: str, **data: Any) -> Effects | None:
        """One event reaches its handler, and its effects the stores and the bag. None if it is parked."""
        reaction = REACTIONS[kind]
        event: Event[EventData] = Event(kind, "/", kind, None, reaction.event.model_validate(data), kind, kind)
        try:
            home = reaction.home(event)
            effects = _run(reaction.handle(event, Books(home, self)))  # type: ignore[arg-type]
        except Park:
            return None
        for put in effects.puts:
            there = self.documents.get((home.container.name, home.partition, put.document.get("id", home.partition)))
            assert put.etag == (there["_etag"] if there else None), "written over what nobody looked at"
            self.put(home.container, home.partition, {**put.document})
        for announced in effects.events:
            self._post(announced)
        return effects

    def deliver(self, at: int, *, again: bool = False) -> None:
        """A letter from anywhere in the bag; delivered `again` it stays there too, as after a crash."""
        letter = self.bag[at] if again else self.bag.pop(at)
        self.happen(letter.type, **letter.data)

    def settle(self, *, most: int = 500) -> int:
        """Deliver everything, timers when nothing else is left; returns how much that was."""
        for count in range(most):
            if not self.bag:
                return count
            self.deliver(next((at for at, letter in enumerate(self.bag) if not letter.timer), 0))
        raise AssertionError(f"{most} letters were not enough: it does not end")

    def _post(self, announced: Announce) -> None:
        letter = Letter(announced.type, announced.data.model_dump(mode="json"), announced.at is not None)
        (self.insights if announced.topic is INSIGHTS else self.bag).append(letter)

    # -- a shop --------------------------------------------------------------------------------------------------------

    def open_shop(self, *, available: int = 5, balance: str = "3000.00", **order: Any) -> None:
        for product in ("P-100", "P-110"):
            stock = {"kind": "stock", "sku": product, "available": available}
            self.put(STOCK, safe_id("product", product), stock)
        account = {"kind": "account", "customer_id": "C-1", "balance": balance, "credit": "0.00", "currency": "EUR"}
        self.put(ACCOUNTS, safe_id("account", "C-1"), account)
        lines = [
            {"product_id": "P-100", "quantity": 2, "unit_price": "249.00"},
            {"product_id": "P-110", "quantity": 3, "unit_price": "39.00"},
        ]
        record = {"order_id": "O-1", "customer_id": "C-1", "items": lines, "currency": "EUR", "risk": "low", **order}
        self.put(ITEMS, safe_id("order", "O-1"), record)

    @property
    def saga(self) -> dict[str, Any]:
        (found,) = [document for document in self.documents.values() if document.get("kind") == "saga"]
        return found

    @property
    def saga_id(self) -> str:
        return str(self.saga["id"])

    @property
    def holds(self) -> list[dict[str, Any]]:
        return [document for document in self.documents.values() if document.get("kind") == "hold"]

    def values(self) -> dict[str, Decimal]:
        """Stock by product, and the account's money."""
        found: dict[str, Decimal] = {}
        for document in self.documents.values():
            if document.get("kind") == "stock":
                found[document["sku"]] = Decimal(document["available"])
            elif document.get("kind") == "account":
                found |= {name: Decimal(document[name]) for name in ("balance", "credit")}
        return found

    def held(self) -> dict[str, Decimal]:
        """What holds say was taken from, or (negative) given to, each value."""
        taken = dict.fromkeys(self.values(), Decimal(0))
        for (_, partition, _), hold in self.documents.items():
            if hold.get("kind") != "hold" or hold["status"] != "done":
                continue
            amount = Decimal(hold["amount"])
            match hold["step"]:
                case "reserve_stock":
                    taken[self.documents[STOCK.name, partition, partition]["sku"]] += amount
                case "take_payment":
                    taken["balance"] += amount
                case "grant_credit":
                    taken["credit"] -= amount
        return taken


def _run(coroutine: Coroutine[Any, Any, Effects]) -> Effects:
    """Handlers wait for their ports only, and these never wait."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something else than its ports")
