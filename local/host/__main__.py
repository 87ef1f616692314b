"""python -m local.host"""

import typer

from local.host.cli import serve

typer.run(serve)
