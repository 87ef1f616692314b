"""what one running stand-in knows: its key, its models, its knobs, its scripts, its figures"""

from asyncio import Event
from collections.abc import Mapping
from pathlib import Path

from local.model.answering import Answerer
from local.model.knobs import Board, Knobs
from local.model.questions import Rules
from local.model.script import Scripts
from local.model.stats import Stats

DEFAULT_MODEL = "gpt-5.4-mini-2026-03-17"


class Desk:
    """The state behind the HTTP doors. `stopping` wakes up every call that is being held back."""

    def __init__(
        self,
        *,
        key: str,
        rules: Mapping[str, Rules],
        knobs: Knobs,
        models: Mapping[str, str],
        journal: Path | None,
    ) -> None:
        """Raises OSError when the journal cannot be written."""
        self.key = key
        self.models = dict(models)
        self.board = Board(knobs)
        self.scripts = Scripts()
        self.stats = Stats(journal)
        self.answerer = Answerer(rules, self.board, self.scripts)
        self.stopping = Event()

    def model_of(self, deployment: str) -> str | None:
        """The dated name of the model behind a deployment. With no deployments configured, any name will do."""
        return self.models.get(deployment) if self.models else DEFAULT_MODEL
