"""subscriptions hear what they declare, and what nobody can handle is kept"""

from datetime import timedelta

import pytest

from infra.unrouted import nobody_listens
from local.graph import Graph, evaluate
from local.mocks import ProgramError
from services.kernel.topology import Subscription, Topic, Topology
from tests.infra.summary import filter_of

ORDERED = Topology(
    "ordered",
    listens=(
        Subscription(
            Topic("steps", sessions=True),
            "worker",
            event_types=("step_due",),
            max_delivery_count=3,
            lock=timedelta(minutes=4, seconds=30),
        ),
    ),
)


def test_every_subscription_lost_the_rule_that_lets_everything_in(stack: Graph) -> None:
    defaults = {rule.id: rule for rule in stack.of_type("servicebus:DefaultRule")}

    for subscription in stack.of_type("servicebus:Subscription"):
        rule = defaults.pop(f"{subscription.id}/rules/$Default")
        if subscription.inputs["subscriptionName"] != "unrouted":
            assert rule.inputs["filterType"] == "CorrelationFilter"
            assert filter_of(rule) == {"to": subscription.inputs["subscriptionName"]}
    assert not defaults


def test_what_nobody_listens_to_at_a_door_is_kept_with_a_reason(stack: Graph) -> None:
    kept = stack.one("servicebus:Subscription", "data-changes-unrouted")
    (rule,) = (rule for rule in stack.of_type("servicebus:DefaultRule") if rule.id.startswith(f"{kept.id}/"))

    assert kept.inputs["forwardTo"] == "dead-letters"
    assert rule.inputs["filterType"] == "SqlFilter"
    assert rule.inputs["action"]["sqlExpression"] == "SET DeadLetterReason = 'unrouted'"


def test_the_rest_is_what_no_rule_of_any_listener_lets_in() -> None:
    door = Topic("door", door=True)
    listeners = [Subscription(door, "a", ("x", "y")), Subscription(door, "b", ("y", "z"))]

    assert nobody_listens(listeners) == (
        "(sys.Label IS NULL OR sys.Label NOT IN ('x', 'y', 'z')) AND (sys.To IS NULL OR sys.To NOT IN ('a', 'b'))"
    )


def test_a_window_that_only_an_emulator_takes_is_refused_for_azure() -> None:
    with pytest.raises(ProgramError, match=r"messaging.*Azure takes 20 seconds and more"):
        evaluate("dev", config_overrides={"messaging:duplicateWindowSeconds": "2"})


def test_locks_last_as_long_as_the_stack_says() -> None:
    graph = evaluate("dev", config_overrides={"messaging:lockSeconds": "30"})

    assert {each.inputs["lockDuration"] for each in graph.of_type("servicebus:Subscription")} == {"PT30S"}


def test_where_order_matters_the_subscription_has_sessions_and_keeps_its_own_dead_letters() -> None:
    graph = evaluate("dev", patterns=[ORDERED])

    subscription = graph.one("servicebus:Subscription")

    assert subscription.inputs["requiresSession"] is True
    assert "forwardDeadLetteredMessagesTo" not in subscription.inputs
    assert subscription.inputs["deadLetteringOnMessageExpiration"] is True
    assert graph.one("servicebus:Topic").inputs["supportOrdering"] is True


def test_a_subscription_is_as_patient_as_its_topology_says() -> None:
    subscription = evaluate("dev", patterns=[ORDERED]).one("servicebus:Subscription")

    assert subscription.inputs["maxDeliveryCount"] == 3
    assert subscription.inputs["lockDuration"] == "PT4M30S"


def test_a_topic_sees_through_what_an_outbox_publishes_twice(stack: Graph) -> None:
    for topic in stack.of_type("servicebus:Topic"):
        assert topic.inputs["requiresDuplicateDetection"] is True
        assert topic.inputs["duplicateDetectionHistoryTimeWindow"] == ("PT2S" if stack.stack == "local" else "PT10M")


def test_a_dead_letter_never_expires_and_may_come_again(stack: Graph) -> None:
    queue = stack.one("servicebus:Queue", "dead-letters")

    assert "defaultMessageTimeToLive" not in queue.inputs
    assert queue.inputs["deadLetteringOnMessageExpiration"] is True
    assert queue.inputs["requiresDuplicateDetection"] is False


def test_premium_has_units_and_standard_has_none() -> None:
    premium = evaluate("dev", patterns=[], config_overrides={"messaging:sku": "Premium", "messaging:units": "2"})
    standard = evaluate("dev", patterns=[], config_overrides={"messaging:sku": "Standard"})

    assert premium.one("servicebus:Namespace").inputs["sku"] == {"name": "Premium", "tier": "Premium", "capacity": 2}
    assert standard.one("servicebus:Namespace").inputs["sku"] == {"name": "Standard", "tier": "Standard"}
