"""The lines of the table: what was asked, what it took, and whether that is what was to be reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from deploy.bench.figures import in_words, milliseconds

HEAD = ("what", "answers", "measured", "the servers alone", "reach", "reached")


@dataclass(frozen=True, slots=True)
class Limit:
    """What one value of a line has to reach."""

    value: str  # its name in the line
    most: float | None = None
    least: float | None = None

    def __str__(self) -> str:
        unit, _, what = self.value.partition(" ")
        sign, bound = ("≤", self.most) if self.most is not None else ("≥", self.least)
        return f"{what} {sign} {bound:,g} {unit}".strip()

    def is_kept(self, values: dict[str, float]) -> bool:
        """Return whether the value is there and within the bound."""
        value = values.get(self.value)
        if value is None:
            return False
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. A value's name begins with its unit: "ms p95", "rows/s"."""

    name: str
    answers: str  # how many, with which status
    values: dict[str, float] = field(default_factory=dict)  # as a client measures them
    server: dict[str, float] = field(default_factory=dict)  # what the servers took, for each request
    limits: tuple[Limit, ...] = ()
    is_served: bool = True  # False: what is asked for is not there yet, or fails, however fast that is

    @property
    def is_reached(self) -> bool | None:
        """Return whether it is served and all limits are kept; None: there is none."""
        if not self.limits:
            return None
        return self.is_served and all(limit.is_kept(self.values | self.server) for limit in self.limits)


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return what half, 95 % and 99 % of the requests took at most, in milliseconds."""
    return milliseconds(sorted(seconds), (50, 95, 99)) if seconds else {}


def table(lines: Iterable[Line]) -> str:
    """Write the lines as a Markdown table."""
    rows = [HEAD, *(_cells(line) for line in lines)]
    written = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([written[0], "|---" * len(HEAD) + "|", *written[1:]])


def _cells(line: Line) -> tuple[str, ...]:
    reached = {True: "yes", False: "**no**", None: ""}[line.is_reached]
    limits = ", ".join(map(str, line.limits))
    return (line.name, line.answers, in_words(line.values), in_words(line.server), limits, reached)
