"""python -m policies --stack dev: evaluate the program without cloud and CLI, judge its graph, tell"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from policies.page import page
from policies.report import FORMATS, Report
from policies.rule import Tier, tier_of

Format = Literal["table", "json", "sarif"]
VIOLATED, MISUSED = 1, 2


def check(
    stack: Annotated[str, typer.Option(help="A stack with a Pulumi.<stack>.yaml.")] = "dev",
    *,
    format_: Annotated[Format, typer.Option("--format", help="How to tell.")] = "table",
    tier: Annotated[
        Tier | None, typer.Option(help="How strict; prod unless the stack is dev or local.", show_default=False)
    ] = None,
    today: Annotated[
        datetime | None, typer.Option(help="The day to judge by, if not today.", formats=["%Y-%m-%d"])
    ] = None,
    rules: Annotated[bool, typer.Option("--list", help="Print the page of all rules, as Markdown.")] = False,
) -> None:
    """Judge what the Pulumi program declares for a stack. Exit code: 1 on a mandatory violation, 2 on bad use."""
    if rules:
        typer.echo(page(), nl=False)
        return
    # Only who evaluates needs these, and they take a second.
    from local.graph import evaluate
    from local.mocks import ProgramError
    from policies.from_graph import resources
    from policies.judge import in_context, judge, own_waivers
    from policies.waivers import WaiverError

    day = (today or datetime.now(UTC)).date()
    try:
        waivers = own_waivers()
        judged = in_context(resources(evaluate(stack)), waivers, day)
    except (ProgramError, WaiverError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(MISUSED) from None
    strictness = tier or tier_of(stack)
    findings = judge(judged, tier=strictness, waivers=waivers)
    FORMATS[format_](Report(stack, strictness, day, findings))
    if any(finding.stops for finding in findings):
        raise typer.Exit(VIOLATED)


def main() -> None:
    """Run the command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(check)
    app(prog_name="python -m policies")
