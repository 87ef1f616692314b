"""What the program provisions, with one thing missing or one too many."""

from chaos.mutant import Mutant

KERNEL = "services/kernel/"
REVIEWED = ("tests/infra/test_expected.py",)
NOT_AS_REVIEWED = "test_dev_declares_exactly_what_was_reviewed"

MUTANTS: tuple[Mutant, ...] = (
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
