"""A sixth pattern is a folder and a line in the registry: provisioned, hosted and run, with no other edit."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chaos.mutant import LEFT_OUT, ROOT

FILES = {
    "topology.py": '''
        """data-changes -> greeter -> views -> insights"""

        from services.entities import DATA_CHANGES, HOUSEKEEPING, INSIGHTS, VIEWS
        from services.kernel.topology import Subscription, Topology

        GREETER = Subscription(topic=DATA_CHANGES, name="greeter", event_types=("visitor_came",))

        TOPOLOGY = Topology(
            name="greetings",
            listens=(GREETER,),
            publishes=(INSIGHTS,),
            keeps=(VIEWS,),
            asks=("small",),
            timers=HOUSEKEEPING,
        )
    ''',
    "events.py": '''
        """Who came, and how they were greeted."""

        from typing import ClassVar

        from pydantic import BaseModel

        from services.kernel.event import EventData


        class VisitorCame(EventData):
            TYPE: ClassVar = "visitor_came"

            name: str


        class VisitorGreeted(BaseModel):
            TYPE: ClassVar = "visitor_greeted"

            name: str
            tone: str
    ''',
    "questions.py": '''
        """How should a visitor be greeted?"""

        from typing import Literal

        from services.kernel.question import Answer, Facts, Question


        class VisitorFacts(Facts):
            name: str


        class Greeting(Answer):
            tone: Literal["warm", "formal"]


        GREETING = Question(
            name="greeting",
            version="1",
            tier="small",
            prompt="How should this visitor be greeted?",
            facts=VisitorFacts,
            answer=lambda _: Greeting,
            rules=lambda _: Greeting(tone="formal", confidence="medium"),
        )

        QUESTIONS = (GREETING,)
    ''',
    "decide.py": '''
        """visitor + tone -> the greeting that is kept and told"""

        from services.entities import INSIGHTS
        from services.greetings.events import VisitorGreeted
        from services.kernel.effects import Announce, Effects, Put


        def greet(name: str, tone: str) -> Effects:
            greeted = VisitorGreeted(name=name, tone=tone)
            kept = {"kind": "greeting", "name": name, "tone": tone}
            return Effects((Put(kept),), (Announce(INSIGHTS, greeted.TYPE, greeted),))
    ''',
    "handler.py": '''
        """visitor_came -> ask -> visitor_greeted"""

        from services.entities import VIEWS
        from services.greetings import decide
        from services.greetings.events import VisitorCame
        from services.greetings.questions import GREETING, VisitorFacts
        from services.greetings.topology import TOPOLOGY
        from services.kernel.commit import Home
        from services.kernel.effects import Effects
        from services.kernel.event import Event
        from services.kernel.ids import safe_id
        from services.kernel.ports import Ports
        from services.kernel.service import Reaction, Service


        async def greet(event: Event[VisitorCame], ports: Ports) -> Effects:
            answered = await ports.ask(GREETING, VisitorFacts(name=event.data.name))
            return decide.greet(event.data.name, answered.answer.tone)


        SERVICE = Service(
            TOPOLOGY, (Reaction(VisitorCame, lambda event: Home(VIEWS, safe_id("greeting", event.key)), greet),)
        )
    ''',
    "triggers.py": '''
        """data-changes/greeter -> the service; no logic here."""

        import azure.functions as func

        from services.greetings.handler import SERVICE
        from services.greetings.topology import GREETER
        from services.kernel.triggers import housekeeping

        triggers = func.Blueprint()
        housekeeping(triggers, SERVICE)


        @triggers.service_bus_topic_trigger(
            arg_name="message",
            topic_name=GREETER.topic.name,
            subscription_name=GREETER.name,
            connection="ServiceBus",
        )
        async def on_visitor(message: func.ServiceBusMessage) -> None:
            await SERVICE.deliver(message, GREETER)
    ''',
    "function_app.py": '''
        """The function app `greetings`."""

        import azure.functions as func

        from services.greetings.triggers import triggers

        app = func.FunctionApp()
        app.register_functions(triggers)
    ''',
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the repository, where the pattern is added."""
    copy = tmp_path / "tree"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    return copy


def add_pattern(tree: Path) -> None:
    folder = tree / "services" / "greetings"
    folder.mkdir()
    for name, text in FILES.items():
        lines = text.strip("\n").splitlines()
        (folder / name).write_text("\n".join(line.removeprefix(" " * 8) for line in lines).strip() + "\n")
    (folder / "__init__.py").touch()
    shutil.copy(tree / "services" / "inference" / "host.json", folder)
    shutil.copy(tree / "services" / "inference" / "README.md", folder)
    registry = tree / "services" / "registry.py"
    text = registry.read_text()
    imported = "from services.kernel.topology import Topology\n"
    assert text.count(imported) == 1
    text = text.replace(imported, "from services.greetings.topology import TOPOLOGY as GREETINGS\n" + imported)
    before, opened, patterns = text.rpartition("= (")
    registry.write_text(f"{before}{opened}GREETINGS, {patterns}")


def test_a_folder_and_a_line_in_the_registry_are_all_that_a_sixth_pattern_takes(tree: Path, tmp_path: Path) -> None:
    # given
    add_pattern(tree)
    events = tmp_path / "visitors.jsonl"
    events.write_text('{"type": "visitor_came", "data": {"name": "Ada"}}\n{"type": "visitor_came", "data": {}}\n')

    # when
    played = subprocess.run(
        [tree / ".venv/bin/python", "-m", "local", "demo", "--events", events],
        cwd=tree,
        env={**os.environ, "LOCAL_FOLDER": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    shape = subprocess.run(
        [tree / ".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/architecture/test_shape.py"],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    # then
    assert played.returncode == 0, played.stdout + played.stderr
    assert "2 of 2" in played.stdout
    assert "greeter" in played.stdout
    assert "wrong-schema" in played.stdout
    assert shape.returncode == 0, shape.stdout
