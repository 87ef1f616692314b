"""items, batches, expiry and the change feed against a dictionary that plays the container"""

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.cosmos.batch import run_batch
from local.cosmos.errors import CosmosError
from local.cosmos.feed import Start, changes
from local.cosmos.items import Items, Operation
from local.cosmos.partition import EVERYTHING, make_key
from local.cosmos.resources import Resources
from local.cosmos.store import Store

KEYS = ["a", "b"]
IDS = ["1", "2", "3"]
DEFINITION = {
    "id": "items",
    "partitionKey": {"paths": ["/pk"]},
    "uniqueKeyPolicy": {"uniqueKeys": [{"paths": ["/u"]}]},
    "defaultTtl": -1,
}
kinds = st.sampled_from(["Create", "Upsert", "Replace", "Delete", "Read"])
steps = st.tuples(kinds, st.sampled_from(IDS), st.integers(0, 3), st.sampled_from([None, 5]))
Step = tuple[Any, str, int, int | None]


class Container(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.store = Store(None)
        resources = Resources(self.store)
        database = resources.create_database(b'{"id": "main"}')
        self.container = resources.create_container(database, json.dumps(DEFINITION).encode())
        self.items = Items(self.store, lambda _condition, _document: True, lambda: self.now)
        self.model: dict[tuple[str, str], tuple[int, float | None]] = {}
        self.changed: set[tuple[str, str]] = set()
        self.position = 0

    def teardown(self) -> None:
        self.store.close()

    # --- what the dictionary expects ---

    def expected(self, model: dict[tuple[str, str], tuple[int, float | None]], key: str, step: Step) -> int:
        kind, item_id, unique, ttl = step
        place, there = (key, item_id), (key, item_id) in model
        if kind == "Create" and there:
            return 409
        if kind in ("Replace", "Delete", "Read") and not there:
            return 404
        if kind in ("Create", "Upsert", "Replace"):
            if any(u == unique and other != place and other[0] == key for other, (u, _) in model.items()):
                return 409
            model[place] = (unique, None if ttl is None else self.now + ttl)
            return 200 if there else 201
        if kind == "Delete":
            del model[place]
            return 204
        return 200

    def operation(self, key: str, step: Step) -> Operation:
        kind, item_id, unique, ttl = step
        body = {"id": item_id, "pk": key, "u": unique} | ({} if ttl is None else {"ttl": ttl})
        return Operation(kind, None if kind in ("Create", "Upsert") else item_id, body)

    def accept(self, model: dict[tuple[str, str], tuple[int, float | None]], key: str, done: list[Step]) -> None:
        self.changed |= {(key, item_id) for kind, item_id, _, _ in done if kind != "Read"}
        self.model = model

    # --- what may happen ---

    @rule(key=st.sampled_from(KEYS), step=steps)
    def single(self, key: str, step: Step) -> None:
        model = dict(self.model)
        wanted = self.expected(model, key, step)
        try:
            with self.items.commit(self.container) as commit:
                status = self.items.apply(commit, make_key([key]), self.operation(key, step)).status
        except CosmosError as error:
            status = error.status
        assert status == wanted
        if wanted < 400:
            self.accept(model, key, [step])

    @rule(key=st.sampled_from(KEYS), batch=st.lists(steps, min_size=1, max_size=5))
    def batch(self, key: str, batch: list[Step]) -> None:
        model = dict(self.model)
        wanted: list[int] = []
        for step in batch:
            wanted.append(self.expected(model, key, step))
            if wanted[-1] >= 400:
                wanted = [424] * (len(wanted) - 1) + wanted[-1:] + [424] * (len(batch) - len(wanted))
                break
        operations = [self.operation(key, step) for step in batch]

        status, text = run_batch(self.items, self.container, make_key([key]), operations)

        assert [result["statusCode"] for result in json.loads(text)] == wanted
        if max(wanted) < 400:
            assert status == 200
            self.accept(model, key, batch)
        else:
            assert status == 207

    @rule(seconds=st.sampled_from([1, 4, 6]), sweep=st.booleans())
    def time_passes(self, seconds: int, sweep: bool) -> None:
        self.now += seconds
        self.model = {place: (u, end) for place, (u, end) in self.model.items() if end is None or end > self.now}
        if sweep:
            self.items.expire()
            (left,) = self.store.connection.execute("SELECT count(*) FROM items").fetchone()
            assert left == len(self.model)

    @precondition(lambda self: self.changed)
    @rule(size=st.integers(1, 4))
    def read_the_feed(self, size: int) -> None:
        seen: list[tuple[int, tuple[str, str]]] = []
        while True:
            page = changes(self.store.connection, self.container, Start(self.position), EVERYTHING, size, self.now)
            before, self.position = self.position, page.position
            if not page.texts:
                break
            items = [json.loads(text) for text in page.texts]
            assert sum(item["_lsn"] != page.position for item in items) < size  # only the last LSN may overflow
            seen += [(item["_lsn"], (item["pk"], item["id"])) for item in items]
            assert min(item["_lsn"] for item in items) > before
        assert [lsn for lsn, _ in seen] == sorted(lsn for lsn, _ in seen)
        assert sorted(place for _, place in seen) == sorted(self.changed & self.model.keys())
        self.changed = set()

    @invariant()
    def what_is_there_is_what_should_be(self) -> None:
        for key in KEYS:
            for item_id in IDS:
                assert self.unique_of(key, item_id) == self.model.get((key, item_id), (404,))[0]

    def unique_of(self, key: str, item_id: str) -> int:
        try:
            found = self.items.read(self.container, make_key([key]), Operation("Read", item_id))
        except CosmosError as error:
            return error.status
        return json.loads(found.body or "")["u"]


class TestAContainerIsADictionaryWithAMemory(Container.TestCase):
    settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_batch_that_is_rolled_back_draws_no_lsn() -> None:
    machine = Container()

    machine.single("a", ("Create", "1", 1, None))

    machine.batch("a", [("Create", "2", 2, None), ("Create", "2", 3, None)])

    assert machine.items.lsn(machine.container) == 1
    machine.teardown()
