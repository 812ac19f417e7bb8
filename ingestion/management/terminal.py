"""What a command writes to: how wide it is, and whether it shows colours."""

from __future__ import annotations

import os
import shutil
import unicodedata
from dataclasses import dataclass
from typing import Literal, Protocol

Tone = Literal["good", "noted", "warn", "bad", "unknown", "strong"]

# Of what is no terminal, such as a file or a pipe: whoever reads it wants whole rows.
UNBOUNDED = 100_000  # columns
_CODES: dict[Tone, str] = {"good": "32", "noted": "1", "warn": "33", "bad": "31;1", "unknown": "2", "strong": "1"}
_LEVELS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"
_CUT = "…"


class Output(Protocol):
    """What a command writes to, such as `self.stdout`."""

    def isatty(self) -> bool:
        """Return whether a person sees it at once."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """How text is laid out: to a width in columns, with colours or without."""

    width: int = UNBOUNDED
    colours: bool = False
    live: bool = False  # a person sees it at once, so that it may be written anew in place

    @classmethod
    def of(cls, output: Output) -> Terminal:
        """Return how to write to an output. COLUMNS counts everywhere, NO_COLOR and TERM on terminals."""
        live = output.isatty()
        plain = bool(_variable("NO_COLOR")) or _variable("TERM") == "dumb"
        return cls(shutil.get_terminal_size((80 if live else UNBOUNDED, 24)).columns, live and not plain, live)

    def paint(self, text: str, tone: Tone | None) -> str:
        """Return a text in the colour of a tone."""
        return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if tone is not None and self.colours and text else text


def _variable(name: str) -> str:
    # Of the terminal, not of the site: https://no-color.org
    return os.environ.get(name, "")  # noqa: TID251


def printable(text: str) -> str:
    """Return a text of somebody else in one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))


def width_of(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Return a text that takes `width` columns at most."""
    if width_of(text) <= width:
        return text
    room, kept = max(0, width - 1), ""
    for letter in text:
        room -= _columns(letter)
        if room < 0:
            break
        kept += letter
    return (kept + _CUT)[: max(0, width)]


def bar(share: float, width: int) -> str:
    """Return a bar of which a share from 0 to 1 is full."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full)


def sparkline(counts: list[int], width: int) -> str:
    """Return counts as a row of small bars, neighbours added up to make `width` of them."""
    step = max(1, -(-len(counts) // width))
    sums = [sum(counts[start : start + step]) for start in range(0, len(counts), step)]
    most = max(sums, default=0)
    return "".join(_LEVELS[each * (len(_LEVELS) - 1) // most] if each else _NOTHING for each in sums)
