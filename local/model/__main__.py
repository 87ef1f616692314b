"""python -m local.model"""

import typer

from local.model.cli import serve

typer.run(serve)
