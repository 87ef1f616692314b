"""samples/ -> which files a run plays, and the documents that must be there first

samples/events.jsonl          what a business sends on a busy day
samples/PATTERN.jsonl         what shows one pattern: its main path and its failures
samples/documents/NAME.jsonl  documents of the container NAME, one a line
"""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceExistsError

from local.processes import StackError
from local.stack import ROOT
from services import entities
from services.entities import DATABASE
from services.kernel.topology import Container, Topology

SAMPLES = ROOT / "samples"
EVENTS = SAMPLES / "events.jsonl"
DOCUMENTS = SAMPLES / "documents"


def everything(patterns: Sequence[Topology]) -> tuple[Path, ...]:
    """The busy day, and what shows each registered pattern."""
    own = (SAMPLES / f"{pattern.name}.jsonl" for pattern in patterns)
    return (EVENTS, *(file for file in own if file.exists()))


def of_pattern(name: str, patterns: Sequence[Topology]) -> Path:
    """What shows this pattern.

    Raises:
        StackError: if no such pattern is registered, or it brings no sample.
    """
    known = {pattern.name: SAMPLES / f"{pattern.name}.jsonl" for pattern in patterns}
    wanted = name.strip().lower().replace("-", "_")
    if wanted not in known:
        meant = get_close_matches(wanted, known, n=1)
        hint = f"; did you mean {meant[0]}?" if meant else ""
        raise StackError(f"PATTERN={name}: registered are {', '.join(known)}{hint}")
    if not known[wanted].exists():
        raise StackError(
            f"PATTERN={name}: {known[wanted].relative_to(ROOT)} is not there; one event per line is expected"
        )
    return known[wanted]


async def load_documents(cosmos: CosmosClient, there: Collection[str], folder: Path = DOCUMENTS) -> None:
    """Create the documents that are not there yet, in the containers that the stack has.

    Raises:
        StackError: if a file is named like no container, or a line of it is no document of that container.
    """
    known = {each.name for each in vars(entities).values() if isinstance(each, Container)}
    for file in sorted(folder.glob("*.jsonl")):  # noqa: ASYNC240 - a few small files, before anything is under way
        if file.stem not in known:
            raise StackError(f"{file}: the name must be one of the containers {', '.join(sorted(known))}")
        if file.stem not in there:  # no registered pattern uses it
            continue
        container = cosmos.get_database_client(DATABASE).get_container_client(file.stem)
        for number, text in enumerate(file.read_text().splitlines(), start=1):
            with suppress(CosmosResourceExistsError):
                try:
                    await container.create_item(json.loads(text))
                except (ValueError, CosmosHttpResponseError) as error:
                    if isinstance(error, CosmosResourceExistsError):
                        raise
                    raise StackError(f"{file}:{number}: {error}") from error
