"""Every definition can be carried out and taken back, and the README shows it as it is."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.saga import acts
from services.saga.customer_escalation import goodwill
from services.saga.definition import Definition, Refused, Work
from services.saga.definitions import DEFINITIONS, STEPS, diagram
from services.saga.order_fulfilment import ORDER_FULFILMENT, OrderData

README = Path(__file__).parents[3] / "services" / "saga" / "README.md"
each_definition = pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=DEFINITIONS.keys())
money = st.decimals(0, 10_000, places=2)


@each_definition
def test_the_readme_shows_each_definition_as_it_is(definition: Definition[Any]) -> None:
    assert f"```mermaid\n{diagram(definition)}\n```" in README.read_text()


@each_definition
def test_a_step_comes_after_steps_that_stand_above_it(definition: Definition[Any]) -> None:
    names = [step.name for step in definition.steps]
    for at, step in enumerate(definition.steps):
        assert set(step.after) <= set(names[:at])


@each_definition
def test_a_step_can_be_undone_or_asks_a_person(definition: Definition[Any]) -> None:
    from services.saga.definition import nobody

    for step in definition.steps:
        assert step.undo or step.approval is not nobody


def test_no_two_definitions_have_a_step_of_one_name() -> None:
    assert len(STEPS) == sum(len(definition.steps) for definition in DEFINITIONS.values())


@each_definition
def test_a_saga_has_time_for_all_its_steps_and_for_one_person(definition: Definition[Any]) -> None:
    from services.saga.engine import MOST_ATTEMPTS, PATIENCE

    assert definition.within > PATIENCE + sum((step.within * MOST_ATTEMPTS for step in definition.steps), PATIENCE * 0)


def order(**changes: Any) -> OrderData:
    data = {"subject": "O-1", "customer_id": "C-1", "pieces": {"P-100": 2}, "total": Decimal(100), "currency": "EUR"}
    return OrderData.model_validate({**data, "risk": "low", **changes})


@pytest.mark.parametrize(
    ("changes", "first", "parcel"),
    [
        ({}, False, False),
        ({"total": 2000}, False, False),
        ({"total": "2000.01"}, False, True),
        ({"risk": "medium", "total": 4000}, False, True),
        ({"risk": "high"}, True, False),
        ({"risk": "high", "total": 9000}, True, False),
    ],
)
def test_when_a_person_is_asked_about_an_order(changes: dict[str, Any], first: bool, parcel: bool) -> None:
    data = order(**changes)
    assert bool(ORDER_FULFILMENT.approval(data)) == first
    assert bool(ORDER_FULFILMENT.step("ship_order").approval(data)) == parcel


@pytest.mark.parametrize(("shipping", "options"), [("standard", ("standard",)), ("express", ("express", "standard"))])
def test_express_is_for_who_paid_for_it(shipping: str, options: tuple[str, ...]) -> None:
    assert ORDER_FULFILMENT.step("ship_order").options(order(shipping=shipping)) == options


@pytest.mark.parametrize(
    ("cause", "amount", "given"),
    [
        ("change", None, "10"),
        ("feedback", None, "25"),
        ("refund", "123.45", "12.34"),
        ("refund", "99999", "100"),
        ("refund", "0", "0"),
    ],
)
def test_goodwill_is_what_our_table_says(cause: Any, amount: str | None, given: str) -> None:
    assert goodwill(cause, Decimal(amount) if amount else None) == Decimal(given)


@example(available=4, wanted=4)
@example(available=4, wanted=5)
@given(available=st.integers(0, 100), wanted=st.integers(0, 100))
def test_reserving_and_releasing_leaves_the_stock_as_it_was(available: int, wanted: int) -> None:
    stock, work = {"available": available}, Work(amount=Decimal(wanted))
    after = acts.reserve_stock(stock, work)
    if isinstance(after, Refused):
        assert wanted > available
    else:
        assert after["available"] >= 0
        assert acts.release_stock(after, work) == stock


@pytest.mark.parametrize(
    ("do", "undo", "field"),
    [
        (acts.take_payment, acts.refund_payment, "balance"),
        (acts.grant_credit, acts.take_back_credit, "credit"),
    ],
)
@given(there=money, amount=money)
def test_money_that_is_moved_and_moved_back_is_where_it_was(
    do: Any, undo: Any, field: str, there: Decimal, amount: Decimal
) -> None:
    account, work = {"currency": "EUR", field: str(there)}, Work(amount=amount, currency="EUR")
    after = do(account, work)
    if isinstance(after, Refused):
        assert amount > there
        assert not after.retryable
    else:
        assert Decimal(after[field]) >= 0
        assert Decimal(undo(after, work)[field]) == there


@pytest.mark.parametrize("act", [acts.take_payment, acts.grant_credit])
@pytest.mark.parametrize("account", [None, {"currency": "USD", "balance": "100", "credit": "0"}])
def test_an_account_that_is_not_there_or_in_another_currency_refuses(act: Any, account: Any) -> None:
    refused = act(account, Work(amount=Decimal(1), currency="EUR"))
    assert isinstance(refused, Refused)
    assert not refused.retryable
