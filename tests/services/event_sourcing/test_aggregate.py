"""given these events, when this command comes with this answer, then these events follow: no store, no model."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from pydantic import ValidationError

from services.event_sourcing import decide
from services.event_sourcing.aggregate import LEGAL, PIECES_KEPT, Case, IllegalEvent, Status, evolve, is_legal
from services.event_sourcing.decide import Command
from services.event_sourcing.events import (
    FACTS,
    AddEvidence,
    CommandRejected,
    EvidenceAdded,
    Fact,
    OpenRefund,
    PayRefund,
    RefundApproved,
    RefundEscalated,
    RefundOpened,
    RefundPaid,
    RefundRejected,
    RefundWithdrawn,
    ReviewRequested,
    WithdrawRefund,
)
from services.event_sourcing.order import Order
from services.event_sourcing.questions import DECISION, VERDICTS, RefundAnswer
from services.event_sourcing.upcasters import lift
from services.kernel.approvals import ApprovalDecided, ApprovalExpired
from services.kernel.ask import Answered
from services.kernel.outcome import Retry

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
ORDER = Order(order_id="O-1", customer_id="C-1", total=Decimal("40.00"), currency="EUR", risk="low")
OPENED = RefundOpened(
    case_id="R-1", order_id="O-1", customer_id="C-1", amount=Decimal("40.00"), currency="EUR", reason="broken"
)
HIGH = OPENED.model_copy(update={"amount": Decimal("500.00")})
REVIEW = ReviewRequested(approval_id="A-1", why="asked_for", asked_at=NOW, expires_at=NOW)
APPROVED, REJECTED = RefundApproved(by="model", pay=True), RefundRejected(by="model", reason="out_of_policy")
PAID, WITHDRAWN = RefundPaid(amount=Decimal("40.00"), currency="EUR"), RefundWithdrawn()
EVIDENCE = EvidenceAdded(evidence="photo")

OPEN = OpenRefund(case_id="R-1", order_id="O-1", reason="broken")
ADD = AddEvidence(case_id="R-1", evidence="photo")
PAY, WITHDRAW = PayRefund(case_id="R-1"), WithdrawRefund(case_id="R-1")
YES = ApprovalDecided(approval_id="A-1", owner="s", decision="approve", by="ada")
NO = ApprovalDecided(approval_id="A-1", owner="s", decision="reject", by="ada")
LATE = ApprovalExpired(approval_id="A-1", owner="s")


def answer(*events: str, **changes: Any) -> RefundAnswer:
    known = {"accepted": True, "rejection_reason": "none", "side_effects": (), "confidence": "high"}
    return RefundAnswer(**cast("Any", {**known, "events_to_generate": events, **changes}))


@dataclass(frozen=True)
class Given:
    """A case with a past; `when` decides, `then` compares with what may follow."""

    case: Case
    order: Order | None = ORDER
    facts: tuple[Fact, ...] = ()

    def when(self, command: Command, said: RefundAnswer | None = None) -> "Given":
        own = decide.own_fact(self.case, command, self.order)
        if isinstance(own, CommandRejected) or said is None:
            return replace(self, facts=(own,))
        judged = decide.judge(self.case, command, own, Answered(said, "model", "m"), stream="s", now=NOW)
        return replace(self, facts=judged)

    def then(self, *expected: str) -> tuple[Fact, ...]:
        assert tuple(fact.TYPE for fact in self.facts) == expected
        case = self.case
        for fact in self.facts:
            case = evolve(case, fact, NOW)
        return self.facts


def given(*facts: Fact, order: Order | None = ORDER) -> Given:
    case = Case()
    for fact in facts:
        case = evolve(case, fact, NOW)
    return Given(case, order)


# -- which event may follow in which state -----------------------------------------------------------------------------

PASTS: dict[Status, tuple[Fact, ...]] = {
    "new": (),
    "open": (OPENED,),
    "in_review": (OPENED, REVIEW),
    "approved": (OPENED, APPROVED),
    "rejected": (OPENED, REJECTED),
    "paid": (OPENED, APPROVED, PAID),
    "withdrawn": (OPENED, WITHDRAWN),
}
EXAMPLES: dict[str, Fact] = {
    fact.TYPE: fact
    for fact in (
        *(OPENED, REVIEW, APPROVED, REJECTED, PAID, WITHDRAWN, EVIDENCE, RefundEscalated(by="model")),
        CommandRejected(case_id="R-1", command="pay_refund", reason="not_legal_now"),
    )
}
CALLED_LEGAL: dict[Status, set[str]] = {
    "new": {"refund_opened"},
    "open": {
        *("evidence_added", "review_requested", "refund_approved"),
        *("refund_rejected", "refund_escalated", "refund_withdrawn"),
    },
    "in_review": {"evidence_added", "refund_approved", "refund_rejected", "refund_escalated", "refund_withdrawn"},
    "approved": {"refund_paid", "refund_withdrawn"},
    "rejected": set(),
    "paid": set(),
    "withdrawn": set(),
}


@pytest.mark.parametrize("status", PASTS)
@pytest.mark.parametrize("kind", FACTS)
def test_the_table_of_what_is_legal_is_kept_for_every_state_and_event(status: Status, kind: str) -> None:
    # given
    case = given(*PASTS[status]).case
    assert case.status == status

    # when / then
    if kind in CALLED_LEGAL[status] | {"command_rejected"}:
        after = evolve(case, EXAMPLES[kind], NOW)
        assert after.version == case.version + 1
    else:
        with pytest.raises(IllegalEvent, match=f"{kind} after version {case.version}: a case that is {status}"):
            evolve(case, EXAMPLES[kind], NOW)


def test_what_is_paid_for_cannot_be_paid_again() -> None:
    given(OPENED, APPROVED, PAID).when(PAY).then("command_rejected")


def test_a_case_stays_small_however_much_evidence_comes() -> None:
    # given
    case = given(OPENED, *(EvidenceAdded(evidence=str(number)) for number in range(100))).case

    # then
    assert case.pieces == 100
    assert case.evidence == ("97", "98", "99")
    assert len(case.evidence) == PIECES_KEPT


# -- what a command leads to -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("past", "command", "said", "expected"),
    [
        ((), OPEN, answer("refund_approved"), ("refund_opened", "refund_approved")),
        ((), OPEN, answer("refund_rejected"), ("refund_opened", "refund_rejected")),
        ((), OPEN, answer("review_requested"), ("refund_opened", "review_requested")),
        ((), OPEN, answer(), ("refund_opened",)),
        ((), OPEN, answer(accepted=False), ("command_rejected",)),
        ((), OPEN, answer(accepted=False, confidence="low"), ("refund_opened", "review_requested")),
        ((), OPEN, answer("refund_approved", confidence="low"), ("refund_opened", "review_requested")),
        ((), OPEN, answer("refund_approved", "refund_rejected"), ("refund_opened", "review_requested")),
        (
            (),
            OPEN,
            answer("refund_approved", side_effects=("escalate_to_manager",)),
            ("refund_opened", "refund_escalated", "review_requested"),
        ),
        ((OPENED,), OPEN, answer("refund_approved"), ("command_rejected",)),
        ((OPENED,), ADD, answer("refund_approved"), ("evidence_added", "refund_approved")),
        ((OPENED, APPROVED), ADD, answer("refund_approved"), ("command_rejected",)),
        ((), ADD, answer("refund_approved"), ("command_rejected",)),
        ((OPENED,), WITHDRAW, None, ("refund_withdrawn",)),
        ((OPENED, APPROVED), PAY, None, ("refund_paid",)),
        ((OPENED,), PAY, None, ("command_rejected",)),
        ((OPENED, REVIEW), YES, None, ("refund_approved",)),
        ((OPENED, REVIEW), NO, None, ("refund_rejected",)),
        ((OPENED, REVIEW), LATE, None, ("refund_rejected",)),
        ((OPENED, REVIEW, WITHDRAWN), YES, None, ("command_rejected",)),
        ((OPENED, REVIEW), YES.model_copy(update={"approval_id": "A-2"}), None, ("command_rejected",)),
        ((OPENED, REVIEW), YES.model_copy(update={"decision": "maybe"}), None, ("command_rejected",)),
    ],
)
def test_what_a_command_leads_to(
    past: tuple[Fact, ...], command: Command, said: RefundAnswer | None, expected: tuple[str, ...]
) -> None:
    given(*past).when(command, said).then(*expected)


@pytest.mark.parametrize("illegal", ["refund_paid", "refund_opened", "evidence_added", "money_for_everybody"])
def test_an_event_that_is_not_the_answers_to_choose_does_not_happen(illegal: str) -> None:
    given().when(OPEN, answer(illegal)).then("refund_opened")


@pytest.mark.parametrize(
    "said", [answer("refund_approved"), answer("refund_paid"), answer("refund_approved", confidence="low")]
)
def test_no_answer_approves_a_high_amount(said: RefundAnswer) -> None:
    # given
    order = ORDER.model_copy(update={"total": Decimal("500.00")})

    # when / then
    given(order=order).when(OPEN, said).then("refund_opened", "review_requested")


@pytest.mark.parametrize("command", [ADD, PAY, YES], ids=lambda command: command.TYPE)
@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (None, "unknown_order"),
        (ORDER.model_copy(update={"total": Decimal("39.99")}), "above_order_total"),
        (ORDER.model_copy(update={"currency": "USD"}), "above_order_total"),
    ],
    ids=["gone", "shrunk", "another currency"],
)
def test_nothing_is_approved_or_paid_that_the_order_does_not_carry(
    command: Command, order: Order | None, reason: str
) -> None:
    # given
    past = {"add_evidence": (OPENED,), "pay_refund": (OPENED, APPROVED), "approval_decided": (OPENED, REVIEW)}

    # when
    (rejection,) = (
        given(*past[command.TYPE], order=order).when(command, answer("refund_approved")).then("command_rejected")
    )

    # then
    assert cast("CommandRejected", rejection).reason == reason


answers = st.builds(
    RefundAnswer,
    accepted=st.booleans(),
    rejection_reason=st.sampled_from(["none", "suspected_abuse", "out_of_policy"]),
    events_to_generate=st.lists(st.sampled_from([*FACTS, "nonsense"]), max_size=2).map(tuple),
    side_effects=st.lists(
        st.sampled_from(["notify_customer", "escalate_to_manager", "pay_refund", "x"]), max_size=3
    ).map(tuple),
    confidence=st.sampled_from(["low", "medium", "high"]),
)


@drawn(
    said=answers,
    past=st.sampled_from(list(PASTS.values())),
    command=st.sampled_from([OPEN, ADD]),
    total=st.sampled_from(["0", "40.00", "499.99", "500.00"]),
)
def test_whatever_is_answered_only_what_is_legal_happens_and_the_amount_is_the_orders(
    said: RefundAnswer, past: tuple[Fact, ...], command: Command, total: str
) -> None:
    # given
    start = given(*past, order=ORDER.model_copy(update={"total": Decimal(total)}))

    # when
    facts = start.when(command, said).facts

    # then
    case = start.case
    for fact in facts:
        assert is_legal(case, fact.TYPE)
        case = evolve(case, fact, NOW)
    opened = [fact for fact in facts if isinstance(fact, RefundOpened)]
    assert all(fact.amount == Decimal(total) for fact in opened)
    assert not (case.status == "approved" and start.case.status != "approved" and case.amount >= 500)


@pytest.mark.parametrize("past", [(OPENED,), (HIGH,), (OPENED, REVIEW)], ids=["open", "high", "in review"])
def test_what_may_be_answered_is_what_is_legal_now(past: tuple[Fact, ...]) -> None:
    # given
    case = given(*past).case
    facts = decide.case_facts(ADD, case, ORDER)

    # then
    for kind in VERDICTS:
        legal = kind in LEGAL[case.status] and not (kind == "refund_approved" and case.amount >= 500)
        sent = answer(kind).model_dump(mode="json")
        if legal:
            DECISION.answer(facts).model_validate(sent)
        else:
            with pytest.raises(ValidationError):
                DECISION.answer(facts).model_validate(sent)


# -- facts of another time ---------------------------------------------------------------------------------------------


def test_a_fact_of_the_first_schema_is_lifted_to_todays() -> None:
    # given
    old = {"case_id": "R-0", "order_id": "O-0", "customer_id": "C-0", "amount": 19.9, "reason": ""}

    # when
    fact = cast("RefundOpened", lift("refund_opened", 1, old))

    # then
    assert (fact.amount, fact.currency) == (Decimal("19.90"), "EUR")
    assert old["amount"] == 19.9, "what was read is left as it is"


@pytest.mark.parametrize(("kind", "schema"), [("refund_opened", 3), ("refund_forgotten", 1)])
def test_a_fact_that_a_newer_release_wrote_waits_for_one_that_can_read_it(kind: str, schema: int) -> None:
    with pytest.raises(Retry, match="newer-than-us"):
        lift(kind, schema, {})
