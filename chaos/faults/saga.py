"""The promises of saga orchestration, broken one by one."""

from chaos.mutant import Mutant

FLOW = ("tests/services/saga/test_flow.py",)
MACHINE = ("tests/services/saga/test_saga_machine.py",)
TROUBLE = ("tests/services/saga/test_trouble.py",)
DEFINITIONS = ("tests/services/saga/test_definitions.py",)
ENGINE = "services/saga/engine.py"
WORK = "services/saga/work.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        name="an undo leaves no tombstone",
        why="a step that comes after its undo is done, and nobody takes it back",
        file=WORK,
        old='_hold(order, {"status": "undone", "note": "it was not done yet"}, None)',
        new="",
        tests=MACHINE,
        names="AnySaga",
    ),
    Mutant(
        name="a step that was done reports a refusal",
        why="a repeated step makes a saga compensate that has no reason to",
        file=WORK,
        old='return _succeeded("do", order, note="it was done before")',
        new="pass",
        tests=TROUBLE,
        names="not_heard_of_in_time",
    ),
    Mutant(
        name="undone twice is undone two times",
        why="a repeated compensation pays back twice",
        file=WORK,
        old='if hold["status"] == "undone":',
        new='if hold["status"] == "never":',
        tests=MACHINE,
        names="AnySaga",
    ),
    Mutant(
        name="compensations in the order of the journal",
        why="the first step is undone while later ones still build on it",
        file="services/saga/saga.py",
        old="return under_way[-1] if under_way else None",
        new="return under_way[0] if under_way else None",
        tests=MACHINE,
        names="AnySaga",
    ),
    Mutant(
        name="any choice is legal",
        why="a model ships before the payment, or completes what was not done",
        file=ENGINE,
        old="    legal = choice in legal_choices(saga, definition)\n",
        new="    legal = True\n",
        tests=MACHINE,
        names="AnySaga",
    ),
    Mutant(
        name="any step is next",
        why="a step is begun whose prerequisites are not done",
        file=ENGINE,
        old="if step.name not in begun and done.issuperset(step.after)",
        new="if step.name not in begun",
        tests=MACHINE,
        names="AnySaga",
    ),
    Mutant(
        name="retried for ever",
        why="a step that is never heard of is tried without end",
        file=ENGINE,
        old="step.attempt < MOST_ATTEMPTS and saga.retries < MOST_RETRIES",
        new="step.attempt > 0",
        tests=MACHINE,
        names="AnySaga",
    ),
    Mutant(
        name="what cannot be undone is cancelled",
        why="the order is paid back and its parcel is on its way",
        file=ENGINE,
        old="return all(definition.step(step.name).undo or step.refused for step in saga.steps)",
        new="return True",
        tests=TROUBLE,
        names="cancelled_at_each_point",
    ),
    Mutant(
        name="an undo of as much as the message says",
        why="whoever sends an undo decides how much comes back",
        file=WORK,
        old='step.undo(document, Work.model_validate(hold, extra="ignore"))',
        new='step.undo(document, Work(amount=Work.model_validate(hold, extra="ignore").amount + 1, currency="EUR"))',
        tests=MACHINE,
        names="AnySaga",
    ),
    Mutant(
        name="a second start about the same order",
        why="an order is fulfilled twice",
        file="services/saga/decide.py",
        old='        return stale(f"there is a {definition.name} for {data.subject!r} already")\n',
        new="        pass\n",
        tests=FLOW,
        names="second_start",
    ),
    Mutant(
        name="no more than there is, give or take",
        why="a product is reserved that is not there",
        file="services/saga/acts.py",
        old="    if available < work.amount:\n",
        new="    if available + 1 < work.amount:\n",
        tests=DEFINITIONS,
        names="stock",
    ),
    Mutant(
        name="large parcels leave unasked",
        why="nobody looks at what cannot be called back",
        file="services/saga/order_fulfilment.py",
        old='order.risk == "high" or order.total <= SHIPPED_UNSEEN',
        new='order.risk == "high" or order.total <= 10 * SHIPPED_UNSEEN',
        tests=DEFINITIONS,
        names="a_person_is_asked",
    ),
)
