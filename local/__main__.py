"""python -m local COMMAND: the laptop environment's command line. Each command is imported when it is called."""

import sys
from importlib import import_module

import typer

COMMANDS = {
    "demo": ("local.demo.cli", "demo", "Send the samples through the whole system and report every line's verdict."),
    "up": ("local.up", "up", "Run the whole system until Ctrl-C."),
    "token": ("local.tokens", "token", "A token for the doors of the running stack."),
    "approvals": ("local.approvals", "approvals", "What waits for a person, listed and decided over HTTP."),
    "graph": ("local.graph", "graph", "What the Pulumi program makes, as a tree or as JSON."),
    "servicebus": ("local.servicebus.cli", "serve", "The Service Bus emulator, alone."),
    "cosmos": ("local.cosmos.cli", "serve", "The Cosmos DB emulator, alone."),
    "model": ("local.model.cli", "serve", "The model stand-in, alone."),
    "mailbox": ("local.mailbox.cli", "serve", "The mailbox that notifications are delivered to, alone."),
    "inbox": ("local.mailbox.cli", "inbox", "What arrived in the mailbox of the local stack."),
    "host": ("local.host.cli", "serve", "Host function apps as the Azure Functions host would."),
    "fidelity": ("local.fidelity", "write_page", "Write FIDELITY.md from what the emulators claim."),
}


def main() -> None:
    """Run one command; without one, list them."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    for name, (module, function, summary) in COMMANDS.items():
        if asked == name:  # only this one is imported: every command starts as fast as it can
            app.command(name, help=summary)(getattr(import_module(module), function))
        else:
            app.command(name, help=summary)(_elsewhere)
    app(prog_name="python -m local")


def _elsewhere() -> None:
    """Stand in for a command that was not asked for; only its name and summary are shown."""


if __name__ == "__main__":
    main()
