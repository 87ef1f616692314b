"""python -m chaos kills | mutants: break the system on purpose, and see that it holds or that somebody notices."""

from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(highlight=False)


@app.command()
def kills(
    seeds: Annotated[int, typer.Option(help="How many seeds to play.", min=1)] = 20,
    first: Annotated[int, typer.Option(help="The first seed.")] = 1,
) -> None:
    """Kill -9 the host or the emulators while messages are in flight; nothing may be lost or done twice."""
    from chaos.kills import play

    bad, played, seed = 0, 0, first
    while played < seeds:
        result = play(seed, say=lambda text: console.print(f"[dim]{text}[/]"))
        seed += 1
        if not result.counts:
            console.print("  nothing was in flight at one of the kills: does not count")
            continue
        played += 1
        bad += bool(result.problems)
        flown = ", ".join(map(str, result.in_flight))
        verdict = "[bold red]WRONG[/]" if result.problems else "ok"
        console.print(f"  {verdict}: {flown} in flight, {result.extra_calls} extra calls, {result.seconds:.1f} s")
        for problem in result.problems[:10]:
            console.print(f"    {problem}", markup=False)
    console.print(f"{played} seeds with messages in flight at every kill, {bad} wrong")
    raise typer.Exit(1 if bad else 0)


@app.command()
def mutants(
    only: Annotated[str, typer.Option(help="Only mutants whose name contains this.")] = "",
) -> None:
    """Apply named faults to a copy of the tree, one by one; each must make a test or a check fail that names it."""
    from chaos.mutant import survives
    from chaos.mutants import MUTANTS

    survivors = 0
    chosen = [mutant for mutant in MUTANTS if only in mutant.name]
    for mutant in chosen:
        told = survives(mutant)
        survivors += told is not None
        console.print(f"{'[bold red]survived[/]' if told is not None else 'caught  '}  {mutant.name}: {mutant.why}")
        if told is not None:
            console.print(f"    {told}", markup=False)
    console.print(f"{len(chosen)} mutants, {len(chosen) - survivors} caught")
    raise typer.Exit(1 if survivors else 0)


if __name__ == "__main__":
    app()
