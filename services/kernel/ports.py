"""What a handler may reach: documents to look at, and the model to ask. It writes nothing itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.kernel.ask import Answered, Asker
from services.kernel.commit import Home
from services.kernel.event import Event, EventData
from services.kernel.outcome import Park
from services.kernel.question import Answer, Facts, Question
from services.kernel.store import Document, Store
from services.kernel.topology import Container

F = TypeVar("F", bound=Facts)
A = TypeVar("A", bound=Answer)
R = TypeVar("R")


@dataclass(frozen=True)
class Ports:
    """The outside world, for one attempt at one event."""

    event: Event[EventData]
    home: Home
    store: Store
    asker: Asker | None
    last_attempt: bool
    _done: dict[str, Any] = field(default_factory=dict[str, Any])

    async def mine(self, document_id: str) -> Document | None:
        """A document of the home partition, with its `_etag`, or None."""
        return await self.store.load(self.home.container, self.home.partition, document_id)

    async def load(self, container: Container, partition: str, document_id: str) -> Document | None:
        """A document of any partition, with its `_etag`, or None. To be read, not written."""
        return await self.store.load(container, partition, document_id)

    async def query(
        self,
        container: Container,
        text: str,
        parameters: Mapping[str, object] | None = None,
        *,
        partition: str | None = None,
    ) -> list[Document]:
        """What a query finds, in one partition or (None) across all."""
        return await self.store.query(container, text, parameters, partition=partition)

    async def once(self, name: str, action: Callable[[], Awaitable[R]]) -> R:
        """Do what reaches beyond our stores (send a mail, call a bank), once in this attempt: when the commit meets a
        conflict and the event is decided again, what was done is not done again. A crash before the commit forgets it.
        """
        if name not in self._done:
            self._done[name] = await action()
        return self._done[name]

    async def ask(self, question: Question[F, A], facts: F, about: str = "") -> Answered[A]:
        """The answer to a question about this event: recorded if there is one, fresh otherwise."""
        if self.asker is None:
            raise Park("no-model", f"{question.name} is asked by a service whose topology asks no model")
        return await self.asker.ask(question, facts, self.event, about=about, last_attempt=self.last_attempt)
