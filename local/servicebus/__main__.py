"""python -m local.servicebus: the emulator alone"""

import typer

from local.servicebus.cli import serve

typer.run(serve)
