"""ask -> script -> fault -> rules, varied or obeyed -> what is said and what it costs"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from pydantic_core import to_json

from local.model.answers import fits, generate, vary
from local.model.faults import Said, faulty
from local.model.knobs import Board, Knobs
from local.model.obey import obey, smuggle
from local.model.questions import Rules
from local.model.request import Ask, tokens
from local.model.script import Raw, Scripts
from local.model.shapes import JsonObject
from local.model.stats import Source, Tokens

CACHED_FROM = 1024
CACHED_STEP = 128
"""Prompts are cached from 1,024 tokens on, in steps of 128 (OpenAI, "Prompt caching")."""
TRUNCATED_WITHOUT_LIMIT = 400
"""What a truncated answer cost where the request set no limit: 400 of 400 is what was seen in the field."""


class Answerer:
    """Decides what to say; the same question about the same facts gets the same answer, in every process.

    `rules` are the known questions' by name. A question that is not among them is answered from its schema alone.
    """

    def __init__(self, rules: Mapping[str, Rules], board: Board, scripts: Scripts) -> None:
        self._rules, self._board, self._scripts = rules, board, scripts
        self._cached: set[str] = set()

    def say(self, ask: Ask) -> Said:
        """What to say to this call. Scripts come before faults, faults before rules."""
        scripted = self._scripts.next(ask.question, ask.facts)
        if isinstance(scripted, Raw):
            return self._spent(ask, Said("answered", "scripted", scripted.content))
        if isinstance(scripted, dict):
            return self._spent(ask, Said("answered", "scripted", _json(scripted)))
        fault = scripted or self._board.fault(ask.question)
        answer, said = self._sober(ask, self._board.knobs)
        if scripted:
            said = replace(said, source="scripted")
        return self._spent(ask, faulty(ask, answer, said, fault) if fault else said)

    def _sober(self, ask: Ask, knobs: Knobs) -> tuple[JsonObject, Said]:
        """The answer by the rules or the schema, then perhaps another one, then perhaps the one the facts ask for."""
        rng = Random(f"{knobs.seed}/{ask.question}/{ask.facts_hash}")
        answer, source, note = self._by_rules(ask, rng)
        sober = answer
        if rng.random() < knobs.differs and source == "rules" and not ask.repair:
            answer = vary(ask.schema, answer, rng)
            source = "rules" if answer == sober else "varied"
        content = answer
        if knobs.obey:
            answer = obey(ask.schema, answer, ask.facts, rng)
            content = smuggle(ask.schema, answer, ask.facts) if knobs.obey == "illegal" else answer
            source = source if content == sober else "obeyed"
        return answer, Said("answered", source, _json(content), note=note)

    def _by_rules(self, ask: Ask, rng: Random) -> tuple[JsonObject, Source, str]:
        rules = self._rules.get(ask.question)
        if rules is None:
            return generate(ask.schema, rng), "generated", f"no question is named {ask.question!r}"
        try:
            answer: Any = rules(ask.facts_json)
        except Exception as error:  # noqa: BLE001  # a question's own code; a model would answer all the same
            return generate(ask.schema, rng), "generated", f"its rules failed: {error!r:.200}"
        if not fits(ask.schema, answer):
            return generate(ask.schema, rng), "generated", f"its rules' answer is outside the schema: {answer!r:.200}"
        return _in_order(ask, answer), "rules", ""

    def _spent(self, ask: Ask, said: Said) -> Said:
        """The bill; and where the answer does not fit into `max_completion_tokens`, the end that reasoning models make:
        all tokens spent, no content.
        """
        if said.error or said.reset:
            return said
        completion = ask.reasoning_tokens + tokens(said.content or said.refusal or "")
        if said.outcome == "truncated" or (ask.room is not None and completion > ask.room):
            completion = ask.room or TRUNCATED_WITHOUT_LIMIT
            said = replace(said, outcome="truncated", content="", refusal=None, finish="length")
        spent = Tokens(
            prompt=ask.prompt_tokens,
            completion=completion,
            reasoning=completion if said.finish == "length" else ask.reasoning_tokens,
            cached=self._from_cache(ask),
        )
        return replace(said, tokens=spent)

    def _from_cache(self, ask: Ask) -> int:
        seen = ask.prefix_key in self._cached
        self._cached.add(ask.prefix_key)
        return ask.prefix_tokens // CACHED_STEP * CACHED_STEP if seen and ask.prefix_tokens >= CACHED_FROM else 0


def _in_order(ask: Ask, answer: JsonObject) -> JsonObject:
    """Properties in the schema's order, as strict decoding writes them."""
    fields = getattr(ask.schema.root, "fields", answer)
    return {name: answer[name] for name in fields}


def _json(answer: JsonObject) -> str:
    return to_json(answer).decode()
