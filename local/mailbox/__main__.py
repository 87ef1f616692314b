"""python -m local.mailbox"""

import typer

from local.mailbox.cli import serve

typer.run(serve)
