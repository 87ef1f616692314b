"""A named fault, applied to a copy of the tree -> some test or check fails, and its output names what is broken.

A mutant that survives is a promise that nothing holds. Each says where the tree is changed, what runs then, and which
words the failure must contain: a failure for another reason does not count.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".local", ".git", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis"
)
PATIENCE = 240
"""Seconds that the tests of one mutant may take."""


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`; then `tests` must fail with `names` in what they print."""

    name: str
    why: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    names: str


def survives(mutant: Mutant) -> str | None:
    """None if the mutant is caught, else how it got away."""
    with TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        path = copy / mutant.file
        text = path.read_text()
        if text.count(mutant.old) != 1:
            return (
                f"{mutant.file} holds the text to change {text.count(mutant.old)} times, expected once: {mutant.old!r}"
            )
        path.write_text(text.replace(mutant.old, mutant.new))
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests],
            cwd=copy,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/examples"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    if result.returncode == 0:
        return f"all of {' '.join(mutant.tests)} passed"
    if result.returncode != 1:
        return f"the tests did not run: {result.stdout[-500:]} {result.stderr[-500:]}"
    if mutant.names not in result.stdout:
        return f"a test failed, but nothing it printed names {mutant.names!r}: {result.stdout[-800:]}"
    return None


KERNEL = "services/kernel/"
CRASHES = ("tests/services/kernel/test_crashes.py",)
HANDLING = ("tests/services/inference/test_handling.py",)
REVIEWED = ("tests/infra/test_expected.py",)
NOT_AS_REVIEWED = "test_dev_declares_exactly_what_was_reviewed"

MUTANTS: tuple[Mutant, ...] = (
    # -- once ----------------------------------------------------------------------------------------------------------
    Mutant(
        name="no inbox check",
        why="an event that comes twice takes effect twice",
        file=KERNEL + "commit.py",
        old="documents = [marker, *(",
        new="documents = [*(",
        tests=(*HANDLING, "-k", "comes_twice"),
        names="test_an_event_that_comes_twice_does_not_undo_what_a_person_did_since",
    ),
    Mutant(
        name="no outbox",
        why="a crash between commit and publish loses the insight",
        file=KERNEL + "commit.py",
        old="documents = [marker, *(_outbox_document(record) for record in records)]",
        new="documents = [marker]",
        tests=CRASHES,
        names="test_a_crash_after_any_step_leaves_no_trace",
    ),
    Mutant(
        name="no ledger",
        why="a redelivery pays for the same answer again",
        file=KERNEL + "ask.py",
        old="entry = await self._ledger.find(question, event, about)",
        new="entry = None",
        tests=CRASHES,
        names="test_a_crash_after_any_step_leaves_no_trace",
    ),
    Mutant(
        name="no ETag",
        why="who writes last wins, and what the other wrote is lost",
        file=KERNEL + "commit.py",
        old=', {"if_match_etag": put.etag})',
        new=", {})",
        tests=(*HANDLING, "-k", "keeps_writing"),
        names="test_a_record_that_somebody_keeps_writing_makes_the_event_wait_its_turn",
    ),
    Mutant(
        name="complete before schedule",
        why="a copy that could not be scheduled is lost with its original",
        file=KERNEL + "service.py",
        old="await outside.publisher.send(copy.topic, [copy.to_service_bus()])",
        new="outside.publisher.send(copy.topic, [copy.to_service_bus()]).close()",
        tests=("tests/services/kernel/test_retrying.py", "-k", "cannot_be_scheduled"),
        names="test_what_cannot_be_scheduled_is_not_completed",
    ),
    Mutant(
        name="complete before park",
        why="an event that cannot be handled is lost",
        file=KERNEL + "service.py",
        old="await outside.publisher.send(DEAD_LETTERS.name, [message])",
        new="outside.publisher.send(DEAD_LETTERS.name, [message]).close()",
        tests=("tests/services/kernel/test_parking.py",),
        names="test_what_cannot_succeed_is_parked_with_reason_and_origin",
    ),
    Mutant(
        name="random message ids",
        why="what a crash publishes twice is not recognised as the same",
        file=KERNEL + "message.py",
        old="message_id = safe_id(consumer.name, cause.key, str(number), announced.type)",
        new="message_id = safe_id(consumer.name, cause.key, str(number), announced.type, str(datetime.now(UTC)))",
        tests=("tests/services/kernel/test_message.py",),
        names="test_the_same_commit_makes_the_same_message_ids_each_time",
    ),
    Mutant(
        name="published records stay",
        why="the outbox grows, and the sweep publishes for ever",
        file=KERNEL + "outbox.py",
        old="        await _forget(store, record)\n",
        new="",
        tests=CRASHES,
        names="test_a_crash_after_any_step_leaves_no_trace",
    ),
    Mutant(
        name="no lock per event",
        why="two deliveries of one event in one process both ask",
        file=KERNEL + "locks.py",
        old="            async with held.lock:\n                yield",
        new="            yield",
        tests=("tests/services/kernel/test_locks.py",),
        names="test_one_at_a_time_for_a_key_and_side_by_side_for_different_keys",
    ),
    Mutant(
        name="stale events take effect",
        why="an old event overwrites a newer record",
        file="services/inference/decide.py",
        old='return event.data.version <= int(record["version"])',
        new="return False",
        tests=HANDLING,
        names="test_an_event_that_arrives_late_changes_nothing_asks_nothing_and_is_remembered",
    ),
    # -- who gets what -------------------------------------------------------------------------------------------------
    Mutant(
        name="copies for everybody",
        why="a retry reaches all subscribers of the topic",
        file=KERNEL + "message.py",
        old="        subject=RETRY,\n",
        new="        subject='order_placed',\n",
        tests=("tests/services/kernel/test_message.py",),
        names="test_a_copy_is_for_its_subscription_alone_and_counts_on",
    ),
    Mutant(
        name="a bare event's copy is a new event",
        why="a retried event without an id takes effect twice",
        file=KERNEL + "message.py",
        old="            FIRST_ID: delivery.first_id,\n            ATTEMPT: delivery.attempt + 1,",
        new="            ATTEMPT: delivery.attempt + 1,",
        tests=("tests/services/kernel", "-k", "copies_of_a_bare_event or copy_of_a_bare_event"),
        names="bare_event",
    ),
    # -- the model -----------------------------------------------------------------------------------------------------
    Mutant(
        name="no floor under the risk",
        why="a note talks the model into calling a large order harmless",
        file="services/inference/questions.py",
        old="_order_answer(levels[levels.index(risk_floor(facts)) :], ",
        new="_order_answer(levels, ",
        tests=("tests/services/inference",),
        names="risk",
    ),
    Mutant(
        name="any segment is legal",
        why="a company name talks the model into a better segment",
        file="services/inference/questions.py",
        old='        return ("consumer", "smb")\n',
        new='        return ("consumer", "smb", "enterprise")\n',
        tests=("tests/services/inference",),
        names="segment",
    ),
    Mutant(
        name="express for the asking",
        why="a note talks the model into shipping what nobody paid for",
        file="services/inference/questions.py",
        old='if facts.shipping == "express" else ("low", "normal")',
        new='if facts.shipping else ("low", "normal")',
        tests=("tests/services/inference",),
        names="priorit",
    ),
    Mutant(
        name="an amount from the model",
        why="what the model answers sets what an order is worth",
        file="services/inference/decide.py",
        old="total=event.data.total,",
        new="total=event.data.total * (1 + len(answer.reasons)),",
        tests=("tests/services/inference/test_decide.py",),
        names="total",
    ),
    Mutant(
        name="the delimiter can be closed",
        why="a text from outside ends the facts and goes on as instructions",
        file=KERNEL + "question.py",
        old='.replace("<", "\\\\u003c")',
        new="",
        tests=("tests/services/kernel/test_question.py",),
        names="test_no_text_can_close_the_delimiter_and_none_is_lost",
    ),
    Mutant(
        name="the answer is not checked",
        why="what the model makes up is believed",
        file=KERNEL + "llm.py",
        old="answer = answer_type.model_validate_json(text)",
        new="answer = answer_type.model_construct(**__import__('json').loads(text))",
        tests=("tests/services/kernel/test_model_trouble.py", "-k", "legal or repaired"),
        names="test_an_answer",
    ),
    Mutant(
        name="no hard budget",
        why="a flood of events costs whatever it costs",
        file=KERNEL + "ask.py",
        old='if reserved.level == "hard":',
        new="if not reserved:",
        tests=("tests/services/kernel/test_model_trouble.py", "-k", "budget"),
        names="test_a_spent_budget_leaves_the_rules_and_calls_nobody",
    ),
    Mutant(
        name="the breaker never opens",
        why="a model that is down is asked by every event",
        file=KERNEL + "breaker.py",
        old="            self._opened = self._clock()\n",
        new="            pass\n",
        tests=("tests/services/kernel/test_breaker.py",),
        names="Breaker",
    ),
    # -- what infra builds ---------------------------------------------------------------------------------------------
    Mutant(
        name="no subscription",
        why="nobody gets the events",
        file="infra/pattern_service.py",
        old="for each in topology.listens}",
        new="for each in topology.listens[:0]}",
        tests=REVIEWED,
        names="ai-processor",
    ),
    Mutant(
        name="a filter gone",
        why="one event type is dropped silently",
        file="infra/subscriptions.py",
        old="for event_type in listener.event_types:",
        new="for event_type in listener.event_types[1:]:",
        tests=REVIEWED,
        names="customer_created",
    ),
    Mutant(
        name="$Default stays",
        why="every subscription gets everything",
        file="infra/subscriptions.py",
        old="correlation_filter=servicebus.CorrelationFilterArgs(to=listener.name)",
        new="correlation_filter=servicebus.CorrelationFilterArgs()",
        tests=REVIEWED,
        names=NOT_AS_REVIEWED,
    ),
    Mutant(
        name="nothing keeps the unrouted",
        why="a typo in a subject loses events",
        file="infra/program.py",
        old="if topic.door",
        new="if not topic",
        tests=REVIEWED,
        names="unrouted",
    ),
    Mutant(
        name="expired messages vanish",
        why="what waits too long is lost",
        file="infra/subscriptions.py",
        old="dead_lettering_on_message_expiration=True",
        new="dead_lettering_on_message_expiration=False",
        tests=REVIEWED,
        names="expired",
    ),
    Mutant(
        name="a container gone",
        why="there is no ledger",
        file=KERNEL + "access.py",
        old='Grant("write", DECISIONS, "the ledger"), ',
        new="",
        tests=REVIEWED,
        names="decisions",
    ),
    Mutant(
        name="a role gone",
        why="nothing can be parked",
        file=KERNEL + "access.py",
        old='Grant("send", DEAD_LETTERS, "parks")',
        new="",
        tests=REVIEWED,
        names="dead-letters",
    ),
    Mutant(
        name="a role too many",
        why="inference could read what is none of its business",
        file="services/inference/topology.py",
        old="reads=(REFERENCE,)",
        new="reads=(REFERENCE, __import__('services.entities').entities.LEASES)",
        tests=REVIEWED,
        names="leases",
    ),
    Mutant(
        name="keys are allowed",
        why="whoever finds a connection string has the namespace",
        file="infra/messaging.py",
        old="disable_local_auth=True",
        new="disable_local_auth=False",
        tests=("tests/infra/test_security.py",),
        names="disableLocalAuth",
    ),
)
