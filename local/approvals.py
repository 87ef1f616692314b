"""`python -m local approvals [decide ID OPTION]` -> the doors of the running stack, over HTTP with a token

As an operator would with curl: the list is what the services answer, and a decision counts once its owner has taken it.
"""

from http import HTTPStatus
from typing import Annotated, Any, Literal

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from local.processes import StackError
from local.stack_folder import FOLDER
from local.tokens import doors, token_for

ROLE = "Approvals.Decide"
PATIENCE = 10.0


def approvals(
    verb: Annotated[Literal["list", "decide"], typer.Argument()] = "list",
    approval: Annotated[str, typer.Argument(help="The id of an approval, or how it begins.")] = "",
    decision: Annotated[str, typer.Argument(help="One of its options.")] = "",
    *,
    comment: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    name: Annotated[str, typer.Option(help="Who decides.")] = "developer@localhost",
) -> None:
    """List what waits for a person, or decide it."""
    console = Console(highlight=False)
    try:
        bearer = {"Authorization": f"Bearer {token_for(ROLE, name=name)}"}
        with httpx.Client(headers=bearer, timeout=PATIENCE) as client:
            waiting = _waiting(client)
            if verb == "list":
                console.print(_table(waiting))
            else:
                console.print(escape(_decide(client, waiting, approval, {"decision": decision, "comment": comment})))
    except httpx.ConnectError:
        console.print(
            f"[bold red]approvals:[/] the stack of {escape(str(FOLDER))} does not run; start `make local` first"
        )
        raise typer.Exit(1) from None
    except (StackError, httpx.HTTPError) as error:
        console.print(f"[bold red]approvals:[/] {escape(str(error))}")
        raise typer.Exit(1) from None


def _waiting(client: httpx.Client) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every pending approval by its id, with the address of the app that has it."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for door in doors(FOLDER).apps.values():
        answer = client.get(f"{door.url}/api/approvals")
        if answer.status_code == HTTPStatus.NOT_FOUND:  # an app that asks nobody
            continue
        found |= {each["approval_id"]: (door.url, each) for each in _content(answer)["approvals"]}
    return found


def _decide(
    client: httpx.Client, waiting: dict[str, tuple[str, dict[str, Any]]], approval: str, verdict: dict[str, str]
) -> str:
    meant = [each for each in waiting if approval and each.startswith(approval)]
    if len(meant) != 1:
        raise StackError(
            f"{len(meant)} approvals that wait begin with {approval!r}; there are {', '.join(waiting) or 'none'}"
        )
    url, _ = waiting[meant[0]]
    taken = _content(client.post(f"{url}/api/approvals/{meant[0]}", json=verdict))
    return f"{taken['approval']}: {taken['decision']}, by {taken['by']}"


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise StackError(f"{answer.request.url} answered {answer.status_code}: {answer.text}")
    return answer.json()


def _table(waiting: dict[str, tuple[str, dict[str, Any]]]) -> Table | str:
    if not waiting:
        return "nothing waits for a person"
    table = Table(
        Column("approval", overflow="fold"), "pattern", "subject", "question", "options", "else", "until", box=None
    )
    for approval, (_, each) in waiting.items():
        options, until = ", ".join(each["options"]), each["expires_at"]
        cells = (approval, each["pattern"], each["subject"], each["question"], options, each["default"], until)
        table.add_row(*(escape(str(cell)) for cell in cells))
    return table
