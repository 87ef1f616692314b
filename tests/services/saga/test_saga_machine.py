"""Anything may happen to a saga, in any order and more than once; this must be true all the while."""

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.entities import ACCOUNTS
from services.kernel.ids import safe_id
from services.saga.definitions import DEFINITIONS
from services.saga.engine import MOST_ASKED, MOST_ATTEMPTS, MOST_RETRIES, MOST_UNDONE
from services.saga.questions import NONE, NextStepAnswer, RecoveryAnswer, StepConfig
from tests.services.saga.simulation import Simulation

STEPS = ("reserve_stock", "take_payment", "ship_order", "open_ticket", "grant_credit", "assign_agent", NONE)
letters = st.integers(0, 1_000)


class AnySaga(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = Simulation(answer=self.answer)
        self.chances: list[int] = []
        self.journal: list[Any] = []
        self.end = "running"
        self.spent = Decimal(0)

    def answer(self, question: Any, facts: Any) -> Any:
        """Whatever comes to a model's mind, legal or not; without a chance drawn, the rules."""
        if not self.chances:
            return question.rules(facts)
        chance = self.chances.pop()
        if question.name == "recovery":
            recovery = ("retry", "compensate", "fail")[chance % 3]
            return RecoveryAnswer(recovery=recovery, reason="so", confidence="low")
        action = ("execute", "execute", "execute", "complete", "compensate")[chance % 5]
        option = ("standard", "express", "service", "quality", NONE)[chance // 5 % 5]
        step = STEPS[chance // 25 % len(STEPS)]
        config = StepConfig(option=option)
        return NextStepAnswer(action=action, step_name=step, step_config=config, reason="so", confidence="low")

    @initialize(
        available=st.integers(1, 5),
        balance=st.sampled_from(["3000.00", "614.99", "60000.00"]),
        total=st.sampled_from(["249.00", "2490.00"]),
        risk=st.sampled_from(["low", "high"]),
        kind=st.sampled_from(["order", "refund", "feedback"]),
        chances=st.lists(st.integers(0, 1_000), max_size=6),
    )
    def start(self, available: int, balance: str, total: str, risk: str, kind: str, chances: list[int]) -> None:
        line = {"product_id": "P-100", "quantity": 2, "unit_price": total}
        lamp = {"product_id": "P-110", "quantity": 3, "unit_price": "39.00"}
        self.world.open_shop(available=available, balance=balance, items=[line, lamp])
        self.chances = chances
        self.before = self.world.values()
        match kind:
            case "order":
                self.world.happen("order_analyzed", order_id="O-1", risk=risk)
            case "refund":
                self.world.happen("refund_escalated", case_id="R-1", customer_id="C-1", amount="900", currency="EUR")
            case _:
                self.world.happen("feedback_analyzed", feedback_id="F-1", customer_id="C-1", urgency="urgent")

    @precondition(lambda self: self.world.bag)
    @rule(at=letters, again=st.booleans())
    def deliver(self, at: int, again: bool) -> None:
        self.world.deliver(at % len(self.world.bag), again=again)

    @precondition(lambda self: any(not letter.timer for letter in self.world.bag))
    @rule(at=letters)
    def deliver_in_time(self, at: int) -> None:
        due = [index for index, letter in enumerate(self.world.bag) if not letter.timer]
        self.world.deliver(due[at % len(due)])

    @rule()
    def cancel(self) -> None:
        self.world.happen("saga_cancelled", saga_id=self.world.saga_id, by="ada")

    @rule(decision=st.sampled_from(["approve", "approve", "reject", "maybe"]))
    def decide(self, decision: str) -> None:
        approval = self.world.saga["approval"]
        if approval:
            told = {"owner": self.world.saga_id, "decision": decision, "by": "ada"}
            self.world.happen("approval_decided", approval_id=approval["approval_id"], **told)

    @rule()
    def spend_the_credit(self) -> None:
        place = safe_id("account", "C-1")
        account = self.world.documents[ACCOUNTS.name, place, place]
        self.spent += Decimal(account["credit"])
        self.world.put(ACCOUNTS, place, account | {"credit": "0.00"})

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        if not hasattr(self, "before"):
            return
        now, held = self.world.values(), self.world.held()
        spent = dict.fromkeys(now, Decimal(0)) | {"credit": self.spent}
        assert {name: now[name] + held[name] + spent[name] for name in now} == self.before

    @invariant()
    def an_end_is_the_end_and_the_journal_only_grows(self) -> None:
        if not hasattr(self, "before"):
            return
        saga = self.world.saga
        assert saga["journal"][: len(self.journal)] == self.journal
        assert self.end in ("running", saga["status"])
        self.journal, self.end = saga["journal"], saga["status"]
        assert len([one for one in self.world.insights if one.type.startswith("saga_")]) == (self.end != "running")

    @invariant()
    def what_is_begun_may_be_begun(self) -> None:
        if not hasattr(self, "before"):
            return
        saga = self.world.saga
        definition, done = DEFINITIONS[saga["saga_type"]], set()
        for entry in saga["journal"]:
            if entry["what"] == "begun":
                assert done.issuperset(definition.step(entry["step"]).after)
            if entry["what"] == "done":
                done.add(entry["step"])
        assert list(done) == [] or done == set(saga["steps_completed"])

    @invariant()
    def the_caps_hold(self) -> None:
        if not hasattr(self, "before"):
            return
        saga = self.world.saga
        assert saga["asked"] <= MOST_ASKED
        assert saga["retries"] <= MOST_RETRIES
        for step in saga["steps"]:
            assert step["attempt"] <= (MOST_ATTEMPTS if step["action"] == "do" else MOST_UNDONE)

    def teardown(self) -> None:
        """Whatever it was, it comes to an end; and late letters change nothing any more."""
        if not hasattr(self, "before"):
            return
        self.world.settle()
        self.nothing_is_made_or_lost()
        self.an_end_is_the_end_and_the_journal_only_grows()
        saga, holds = self.world.saga, self.world.holds
        assert saga["status"] != "running"
        begun = [entry["step"] for entry in saga["journal"] if entry["what"] == "begun"]
        undone = [entry["step"] for entry in saga["journal"] if entry["what"] == "undone"]
        if saga["status"] == "completed":
            assert {hold["status"] for hold in holds} == {"done"}
            assert set(saga["steps_completed"]) == {step.name for step in DEFINITIONS[saga["saga_type"]].steps}
            assert undone == []
        if saga["status"] == "compensated":
            assert {hold["status"] for hold in holds} <= {"undone"}
            assert undone == begun[::-1]
            spent = {"credit": self.before["credit"] - self.spent} if "credit" in self.before else {}
            assert self.world.values() == self.before | spent


TestAnySaga = AnySaga.TestCase
TestAnySaga.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
