"""Tables that fit a terminal: no row wraps; what has no room is cut, then left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ingestion.management.terminal import Terminal, Tone, cut, printable, width_of

GAP = "  "
LEAST = 4  # columns of a cell when nothing else helps


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    right: bool = False  # numbers
    least: int | None = None  # it may be cut down to so many columns; None: it is not cut
    spare: int = 0  # of those that are not 0, the column with the highest is left out first


class Cell(NamedTuple):
    """A text with its tone."""

    text: str
    tone: Tone | None = None


Row = Sequence[Cell | str]


def table(columns: Sequence[Column], rows: Sequence[Row], terminal: Terminal) -> list[str]:
    """Return the lines of a table, the titles first."""
    cells = [[_cell(each) for each in row] for row in rows]
    natural = [
        max(width_of(column.title), *(width_of(row[place].text) for row in cells)) if cells else len(column.title)
        for place, column in enumerate(columns)
    ]
    widths = _fit(columns, natural, terminal.width)
    titles = [Cell(column.title, "strong") for column in columns]
    return [_line(columns, row, widths, terminal) for row in (titles, *cells)]


def _cell(cell: Cell | str) -> Cell:
    text, tone = (cell, None) if isinstance(cell, str) else cell
    return Cell(printable(text) if text.strip() else text, tone)


def _fit(columns: Sequence[Column], natural: Sequence[int], room: int) -> dict[int, int]:
    """Return the widths of the columns that are shown, by their places."""
    shown = list(range(len(columns)))
    while True:
        least = {place: _least(columns[place], natural[place]) for place in shown}
        spare = [place for place in shown if columns[place].spare]
        if _total(least) <= room or not spare:
            break
        shown.remove(max(spare, key=lambda place: columns[place].spare))
    if _total(least) > room:
        least = {place: min(width, LEAST) for place, width in least.items()}
    widths = {place: max(least[place], min(natural[place], room)) for place in shown}
    while _total(widths) > room:
        wide = [place for place in shown if widths[place] > least[place]]
        if not wide:
            break
        # The widest gives first, so that short cells stay whole.
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _least(column: Column, natural: int) -> int:
    return natural if column.least is None else min(natural, column.least)


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(GAP) * max(0, len(widths) - 1)


def _line(columns: Sequence[Column], row: Sequence[Cell], widths: dict[int, int], terminal: Terminal) -> str:
    parts = []
    for place, width in widths.items():
        text = cut(row[place].text, width)
        padding = " " * (width - width_of(text))
        painted = terminal.paint(text, row[place].tone)
        parts.append(padding + painted if columns[place].right else painted + padding)
    return GAP.join(parts).rstrip()
