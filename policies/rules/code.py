"""the code of the apps: it goes to their publishing sites, with the deployer's token"""

from collections.abc import Iterator

from policies.resources import Resource, Stack
from policies.rule import Rule, alone

CODE = "pulumi-python:dynamic/event-driven-ai:Code"
"""A resource of our own: infra/publishing/code.py."""


def _encrypted(code: Resource, _: Stack) -> Iterator[str]:
    address = str(code.get("address"))
    if not address.casefold().startswith("https://"):
        yield f"address is {address}, not https://..."


OVER_HTTPS = Rule(
    id="code-over-https",
    title="Code is published over HTTPS only",
    why="The deployer's token goes with it, and opens all that the deployer may do.",
    remedy="Take the address from the app's host names, as infra/function_app.py does.",
    severity="critical",
    about=(CODE,),
    check=_encrypted,
    passes=alone(CODE, {"address": "https://inference.scm.azurewebsites.net"}),
    fails=alone(CODE, {"address": "http://inference.scm.azurewebsites.net"}, {}),
)

RULES = (OVER_HTTPS,)
