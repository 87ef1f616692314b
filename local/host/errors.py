"""what the user did -> what is wrong, in one sentence, and what to do"""


class HostError(Exception):
    """The host cannot start as asked. Its text is printed as it is, without a traceback, and the exit code is 1."""


def all_of(problems: list[str]) -> None:
    """Raise one `HostError` that names every problem, so that a user mends them in one go."""
    if problems:
        raise HostError("\n".join(problems))
