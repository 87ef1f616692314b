"""the registered patterns -> every question's rules, by the question's name"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from services.kernel.question import Question

Rules = Callable[[str], dict[str, Any]]
"""Facts as JSON -> the answer that the question's rules give, as JSON data.

Raises:
    ValueError: the facts are not those of the question.
"""


def rules_of(question: Question[Any, Any]) -> Rules:
    """A question's rules from wire form to wire form."""

    def answer(facts_json: str) -> dict[str, Any]:
        facts = question.facts.model_validate_json(facts_json)
        return question.rules(facts).model_dump(mode="json", by_alias=True)

    return answer


def registered_questions() -> dict[str, Rules]:
    """The questions of all registered patterns that ask any.

    Raises:
        ValueError: two questions share a name; on the wire the name is all that tells them apart.
    """
    from services.registry import PATTERNS

    found: dict[str, Rules] = {}
    for pattern in PATTERNS:
        if not pattern.asks:
            continue
        module = import_module(f"services.{pattern.name.replace('-', '_')}.questions")
        for question in cast("tuple[Question[Any, Any], ...]", module.QUESTIONS):
            if question.name in found:
                raise ValueError(f"two questions are named {question.name!r}, one of them in {module.__name__}")
            found[question.name] = rules_of(question)
    return found
