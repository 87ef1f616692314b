"""The promises of saga orchestration, broken one by one."""

from chaos.mutant import Mutant

FLOW = ("tests/services/saga/test_flow.py::test_a_second_start_about_the_same_order_is_stale",)
MACHINE = ("tests/services/saga/test_saga_machine.py",)
ALONE = ("tests/services/saga/test_engine.py",)
WORKER = ("tests/services/saga/test_work.py",)
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
        tests=WORKER,
        names="an_undo_without_a_do",
    ),
    Mutant(
        name="a step that was done reports a refusal",
        why="a repeated step makes a saga compensate that has no reason to",
        file=WORK,
        old='return _succeeded("do", order, note="it was done before")',
        new="pass",
        tests=WORKER,
        names="not_done_again",
    ),
    Mutant(
        name="undone twice is undone two times",
        why="a repeated compensation pays back twice",
        file=WORK,
        old='if hold["status"] == "undone":',
        new='if hold["status"] == "never":',
        tests=WORKER,
        names="not_undone_again",
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
        tests=ALONE,
        names="what_is_not_legal",
    ),
    Mutant(
        name="any step is next",
        why="a step is begun whose prerequisites are not done",
        file=ENGINE,
        old="if step.name not in begun and done.issuperset(step.after)",
        new="if step.name not in begun",
        tests=ALONE,
        names="what_is_not_legal",
    ),
    Mutant(
        name="retried for ever",
        why="a step that is never heard of is tried without end",
        file=ENGINE,
        old="step.attempt < MOST_ATTEMPTS and saga.retries < MOST_RETRIES",
        new="step.attempt > 0",
        tests=ALONE,
        names="so_often_and_not_more",
    ),
    Mutant(
        name="what cannot be undone is cancelled",
        why="the order is paid back and its parcel is on its way",
        file=ENGINE,
        old="return all(definition.step(step.name).undo or step.refused for step in saga.steps)",
        new="return True",
        tests=ALONE,
        names="until_something_cannot_be_undone",
    ),
    Mutant(
        name="an undo of as much as the message says",
        why="whoever sends an undo decides how much comes back",
        file=WORK,
        old='step.undo(document, Work.model_validate(hold, extra="ignore"))',
        new='step.undo(document, Work(amount=Work.model_validate(hold, extra="ignore").amount + 1, currency="EUR"))',
        tests=WORKER,
        names="as_much_as_was_done",
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
    Mutant(
        name="a compensation that is refused is hurried",
        why="a partition that refuses is asked again at once, until the attempts are spent",
        file=ENGINE,
        old='(Send("undo", again, refusals=step.attempt),)',
        new='(Send("undo", again),)',
        tests=ALONE,
        names="later_and_later",
    ),
    Mutant(
        name="who refused is asked again at the same pace",
        why="a shop that is out of stock is asked as often as one that only hesitates",
        file="services/saga/decide.py",
        old="pace.base * 2 ** (refusals - 1)",
        new="pace.base",
        tests=ALONE,
        names="longer_each_time",
    ),
    Mutant(
        name="the last decision counts",
        why="an order is rejected after it was approved and begun",
        file=ENGINE,
        old='approval.approval_id != approval_id or approval.status != "pending"',
        new="approval.approval_id != approval_id",
        tests=ALONE,
        names="the_first_decision_counts",
    ),
)
