"""What may be answered is who may be told, and the rules always answer it, in every language."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.notifications.audiences import AUDIENCES, LEVELS
from services.notifications.directory import LANGUAGES, Language, Member, customer, partition
from services.notifications.events import HAPPENINGS, FeedbackAnalyzed, Happening, RefundPaid
from services.notifications.fan_out import LONGEST_TEXT, LONGEST_TITLE, whom
from services.notifications.questions import WHOM, WORDING, EventFacts, WordingFacts, event_facts
from services.notifications.templates import WORDS

PAID = RefundPaid(case_id="R-1", order_id="O-1", customer_id="C-1", amount="12.00")
ANGRY = FeedbackAnalyzed(feedback_id="F-1", customer_id="C-1", sentiment="negative")


def member(recipient: str, role: str) -> Member:
    return Member(recipient_id=partition(recipient), recipient=recipient, role=role, language="en")


EVERYBODY = (
    *(member(role, role) for role in ("support", "sales", "operations", "finance", "manager", "on_call")),
    member(customer("C-1"), "customer"),
)


def facts(event: Happening, members: tuple[Member, ...] = EVERYBODY) -> EventFacts:
    return event_facts(event, AUDIENCES[event.TYPE], members)


def test_every_event_that_is_listened_to_has_an_audience_and_words() -> None:
    kinds = {kind.TYPE for kind in HAPPENINGS}

    assert kinds == set(AUDIENCES) == set(WORDS)
    assert all(set(words) == set(LANGUAGES) for words in WORDS.values())


@pytest.mark.parametrize("event", [PAID, ANGRY], ids=lambda event: event.TYPE)
def test_the_rules_always_give_a_legal_answer(event: Happening) -> None:
    # when
    said = WHOM.rules(facts(event))

    # then
    assert WHOM.answer(facts(event)).model_validate_json(said.model_dump_json())
    assert WHOM.response_format(facts(event))


@pytest.mark.parametrize(
    "change",
    [
        {"recipients": [{"id": "mallory", "role": "support"}]},
        {"recipients": [{"id": "group:manager", "role": "manager"}]},
        {"recipients": [{"id": "customer:C-2", "role": "customer"}]},
        {"recipients": [{"id": "group:finance", "role": "admin"}]},
        {"recipients": [{"id": "group:finance", "role": "finance", "address": "mallory@evil.example"}]},
        {"recipients": [{"id": "group:finance", "role": "finance"}] * 3},
        {"channel": "fax"},
        {"urgency": "immediate"},
        {"urgency": "critical"},
        {"critical": True},
        {"address": "mallory@evil.example"},
        {"reason": "x" * 501},
    ],
)
def test_no_answer_names_whom_or_what_is_not_legal(change: dict[str, Any]) -> None:
    answer = WHOM.rules(facts(PAID)).model_dump() | change

    with pytest.raises(ValidationError):
        WHOM.answer(facts(PAID)).model_validate(answer)


def test_who_is_not_in_the_directory_is_no_candidate() -> None:
    assert [each.id for each in facts(PAID, EVERYBODY[:2]).candidates] == []
    assert [each.id for each in facts(PAID).candidates] == ["group:finance", "customer:C-1"]


def test_the_customer_is_offered_only_what_customers_are_told() -> None:
    assert [each.id for each in facts(ANGRY).candidates] == ["group:support"]


def test_a_legal_answer_reaches_the_members_of_its_groups_and_nobody_else() -> None:
    # given: the answer chooses all that there is to choose
    answer = WHOM.answer(facts(PAID)).model_validate(WHOM.rules(facts(PAID)).model_dump())

    # when
    told = whom(PAID, AUDIENCES[PAID.TYPE], EVERYBODY, answer)

    # then
    assert {each.recipient for each in told} == {"finance", "customer:C-1"}


def test_an_urgency_lies_between_what_the_event_needs_and_what_it_may_claim() -> None:
    for audience in AUDIENCES.values():
        assert audience.urgencies
        assert list(audience.urgencies) == [each for each in LEVELS if each in audience.urgencies]
        assert (audience.urgencies[0], audience.urgencies[-1]) == (audience.least, audience.most)


@pytest.mark.parametrize("kind", sorted(WORDS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_of_the_rules_are_legal_whatever_an_id_holds(kind: str, language: Language) -> None:
    # given
    about = "{evil} {0} %s " + "x" * 600

    # when
    said = WORDING.rules(WordingFacts(kind=kind, about=about, details=(), language=language, role="support"))

    # then
    assert WORDING.answer(WordingFacts(kind=kind, about=about, details=(), language=language, role="support"))
    assert 0 < len(said.title) <= LONGEST_TITLE
    assert 0 < len(said.text) <= LONGEST_TEXT


@pytest.mark.parametrize("change", [{"title": ""}, {"text": ""}, {"text": "x" * 4_001}, {"to": "mallory@evil.example"}])
def test_no_wording_is_empty_or_says_where_it_goes(change: dict[str, Any]) -> None:
    known = WordingFacts(kind="refund_paid", about="R-1", details=(), language="en", role="customer")

    with pytest.raises(ValidationError):
        WORDING.answer(known).model_validate(WORDING.rules(known).model_dump() | change)
