"""two doors: the Pulumi engine runs this folder as a policy pack, people run `python -m policies --stack dev`"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def serve() -> None:
    """Answer the engine until it is done; it tells the stack, and reads the port from standard output."""
    # The engine runs the folder as a program: its files would stand in for modules of the same name.
    sys.path[:] = [str(HERE.parent), *(path for path in sys.path if Path(path).resolve() != HERE)]

    from pulumi import get_stack
    from pulumi_policy import PolicyPack

    from policies.judge import own_waivers
    from policies.pack import NAME, policies
    from policies.rule import tier_of
    from policies.waivers import WaiverError

    try:
        waivers = own_waivers()
    except WaiverError as error:
        sys.exit(str(error))
    PolicyPack(NAME, policies(tier_of(get_stack()), waivers))


if __name__ == "__main__":
    if __package__:
        from policies.cli import main

        main()
    else:
        serve()
