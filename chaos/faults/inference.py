"""The promises of event-triggered inference, broken one by one."""

from chaos.mutant import Mutant

HANDLING = ("tests/services/inference/test_handling.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        name="stale events take effect",
        why="an old event overwrites a newer record",
        file="services/inference/decide.py",
        old='return event.data.version <= int(record["version"])',
        new="return False",
        tests=HANDLING,
        names="test_an_event_that_arrives_late_changes_nothing_asks_nothing_and_is_remembered",
    ),
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
)
