"""Where an event from outside goes, or why it may not come in: one table."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.entities import DATA_CHANGES, ENTITY_COMMANDS
from services.kernel.event import BARE
from services.kernel.ids import safe_id
from services.kernel.outcome import Park
from services.kernel.topology import Topic

COMMANDS = frozenset({"open_refund", "add_evidence", "withdraw_refund", "pay_refund", "what_if"})
"""What is wanted of a refund case: in order, case by case."""

OURS = frozenset({
    # what the patterns find out
    "customer_enriched", "order_analyzed", "feedback_analyzed", "item_changed", "change_detected",
    # what only this app says, by doors of its own
    "alert_fired", "digest_due",
    # what a person decides over HTTP, under their own name
    "approval_requested", "approval_decided", "approval_expired", "approval_changed",
    # what a refund case has taken in
    "refund_opened", "evidence_added", "review_requested", "refund_approved", "refund_rejected", "refund_escalated",
    "refund_paid", "refund_withdrawn", "command_rejected", "view_outdated",
    # how sagas move
    "saga_started", "saga_cancelled", "do_step", "undo_step", "step_succeeded", "step_failed", "step_timed_out",
    "saga_timed_out", "saga_completed", "saga_compensated", "saga_failed",
    # what goes to people
    "urgent_notification", "notification", "notification_due", "flush_digest", "urgent_page", "notification_page",
    "send_urgent", "send_notification", "cancel_notifications",
    # subjects of the kernel's own messages
    "retry", "parked",
})  # fmt: skip
"""What nobody outside may say: a decision, a payment, a step that was done are facts only when we say so.

No topic takes these from here anyway; they are refused by name, so that a forgery is an answer and not a dead letter.
"""

OUR_SOURCES = (
    "/data-changes/", "/item-changes/", "/insights/", "/entity-commands/", "/entity-events/", "/saga-steps/",
    "/saga-timeouts/", "/notifications/", "/approvals/", "/sources/", BARE,
)  # fmt: skip
"""Who takes one of our own names could take the id of an event that we have yet to say, which would then be missed."""

LONGEST_ID = 200


class Route(NamedTuple):
    """A topic, and the ordering key where it has sessions."""

    topic: Topic
    session: str | None


def route(kind: str, data: Mapping[str, Any]) -> Route:
    """Where this event goes. What nobody knows goes to `data-changes`, where it is kept as `unrouted`.

    Raises:
        Park: `not-from-outside`, or `not-routable`: a command that does not say of which case.
    """
    if kind in OURS:
        raise Park("not-from-outside", f"`type` is {kind!r}, which is a fact only when the services say so")
    if kind not in COMMANDS:
        return Route(DATA_CHANGES, None)
    case = data.get("case_id")
    if not isinstance(case, str) or not 1 <= len(case) <= LONGEST_ID:
        given = "missing" if case is None else repr(case)[:60]
        raise Park("not-routable", f"`data.case_id` is {given}; {kind} needs text of 1 to {LONGEST_ID} characters")
    return Route(ENTITY_COMMANDS, safe_id("case", case))


def check_source(source: str) -> None:
    """Check that an event from outside does not come under a name of ours.

    Raises:
        Park: `not-from-outside`.
    """
    if source.startswith(OUR_SOURCES):
        raise Park("not-from-outside", f"`source` is {source[:60]!r}; {' '.join(OUR_SOURCES)} are the services' own")
