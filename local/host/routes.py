"""a route template, such as orders/{id:int}/{*rest} -> which paths it takes and what they bind

The templates are those of ASP.NET Core routing, which the Functions host uses: parameters, optional ones, a catch-all
at the end, and constraints; paths are matched without regard to case, the more specific template first.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_CONSTRAINTS = {
    "": r"[^/]+",
    "int": r"-?\d+",
    "long": r"-?\d+",
    "alpha": r"[A-Za-z]+",
    "bool": r"(?:true|false)",
    "guid": r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
}
_PARAMETER = re.compile(r"\{(?P<catch_all>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\?)?\}")


@dataclass(frozen=True)
class Route:
    """A parsed template; `rank` orders by specificity: literals before constrained before free before catch-all."""

    template: str
    pattern: re.Pattern[str]
    rank: tuple[int, ...]

    @classmethod
    def parse(cls, text: object) -> "Route":
        """Parse a route template.

        Raises:
            ValueError: for a segment that is neither plain text nor one parameter, or an unknown constraint.
        """
        if not isinstance(text, str):
            raise ValueError("a route is text, such as orders/{id}")  # noqa: TRY004 - pydantic reports ValueError only
        pattern, rank, names = "", list[int](), set[str]()
        segments = [segment for segment in text.strip("/").split("/") if segment]
        for position, segment in enumerate(segments):
            piece, weight, name = _segment(segment, last=position == len(segments) - 1)
            if name in names:
                raise ValueError(f"route {text!r} has two parameters {name}")
            names |= {name} if name else set()
            pattern += piece
            rank.append(weight)
        return cls(text.strip("/"), re.compile(pattern, re.IGNORECASE), tuple(rank))

    def match(self, path: str) -> dict[str, str] | None:
        """The route parameters of `path` (raw, %-encoded), or None when it is another route's."""
        found = self.pattern.fullmatch("/" + path.strip("/") if path.strip("/") else "")
        return {name: unquote(value) for name, value in found.groupdict().items() if value} if found else None


def _segment(segment: str, *, last: bool) -> tuple[str, int, str | None]:
    if "{" not in segment and "}" not in segment:
        return "/" + re.escape(segment), 0, None
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is None:
        raise ValueError(f"route segment {segment!r} is not understood; write text or one parameter such as {{id:int}}")
    name, constraint = parameter["name"], parameter["constraint"] or ""
    if constraint not in _CONSTRAINTS:
        raise ValueError(
            f"route constraint {constraint!r} is not known here; known are {', '.join(filter(None, _CONSTRAINTS))}"
        )
    if (parameter["catch_all"] or parameter["optional"]) and not last:
        raise ValueError(f"{segment} must be the last segment of its route")
    if parameter["catch_all"]:
        return f"(?:/(?P<{name}>.*))?", 3, name
    taken = f"/(?P<{name}>{_CONSTRAINTS[constraint]})"
    return f"(?:{taken})?" if parameter["optional"] else taken, 1 if constraint else 2, name
