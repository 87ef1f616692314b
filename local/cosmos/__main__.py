"""python -m local.cosmos"""

import typer

from local.cosmos.cli import serve

typer.run(serve)
