"""event type -> who may be told at all, and how urgently: the table that the model chooses within

Whether an event overrides quiet hours and caps is decided here, by type and figures. No answer of a model can.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.kernel.ids import safe_id
from services.notifications.events import AlertFired, Category, Happening, SagaCompleted, Urgency

LEVELS: tuple[Urgency, ...] = ("digest", "normal", "immediate")


def _usually(_event: Any) -> bool:
    return True


def _never(_event: Any) -> bool:
    return False


def _of_an_order(event: SagaCompleted) -> bool:
    """How we dealt with a complaint is no news; that it was dealt with badly is."""
    return event.saga_type == "order_fulfilment"


def _outage(event: AlertFired) -> bool:
    return event.condition == "Fired" and event.severity in ("Sev0", "Sev1")


@dataclass(frozen=True)
class Audience:
    """Who may be told of one type of event.

    `roles` are offered as groups, `customer` offers the customer concerned; `always` are told whatever the model says.
    `least` and `most` bound the urgency. `worth` is what the rules go by where the model does not answer, `critical`
    overrides quiet hours and caps for those in `always`.
    """

    category: Category
    roles: tuple[str, ...]
    customer: bool = False
    least: Urgency = "digest"
    most: Urgency = "normal"
    always: tuple[str, ...] = ()
    worth: Callable[[Any], bool] = _usually
    critical: Callable[[Any], bool] = _never

    @property
    def urgencies(self) -> tuple[Urgency, ...]:
        return LEVELS[LEVELS.index(self.least) : LEVELS.index(self.most) + 1]


AUDIENCES: dict[str, Audience] = {
    "customer_enriched": Audience("customers", ("sales",), worth=lambda event: event.potential_value == "high"),
    "order_analyzed": Audience("orders", ("operations", "finance"), customer=True),
    "feedback_analyzed": Audience(
        "feedback",
        ("support",),
        most="immediate",
        worth=lambda event: event.urgency == "urgent" or event.sentiment == "negative",
    ),
    "change_detected": Audience("changes", ("operations", "support"), most="immediate"),
    "alert_fired": Audience("alerts", ("on_call", "operations"), most="immediate", critical=_outage),
    "approval_requested": Audience("approvals", ("manager",), least="normal", most="immediate", always=("manager",)),
    "saga_completed": Audience("orders", ("operations",), customer=True, worth=_of_an_order),
    "saga_compensated": Audience("orders", ("support",), customer=True, least="normal"),
    "saga_failed": Audience("orders", ("operations",), least="normal", most="immediate", always=("operations",)),
    "refund_approved": Audience("refunds", ("finance",), customer=True),
    "refund_rejected": Audience("refunds", ("support",), customer=True),
    "refund_paid": Audience("refunds", ("finance",), customer=True),
}

CRITICAL_ROLES = ("on_call",)
"""Who is woken by a critical event."""
PROMISES = frozenset({"order_analyzed", "saga_completed"})
"""What tells of an order going well: not to be read once it has been undone."""
CANCELS = frozenset({"saga_compensated"})


def told_anyway(audience: Audience, event: Happening) -> tuple[str, ...]:
    """The roles that are told whatever the model says."""
    return tuple(dict.fromkeys((*audience.always, *(CRITICAL_ROLES if audience.critical(event) else ()))))


def promised_to() -> tuple[str, ...]:
    """The roles that may have been promised something."""
    return tuple(dict.fromkeys(role for kind in sorted(PROMISES) for role in AUDIENCES[kind].roles))


def looked_up(kind: str) -> tuple[str, ...]:
    """The roles whose members an event needs: who may be told, and whose promises it takes back."""
    return tuple(dict.fromkeys((*AUDIENCES[kind].roles, *(promised_to() if kind in CANCELS else ()))))


def promise(about: str) -> str:
    """What a promise is cancelled by."""
    return safe_id("promise", about)
