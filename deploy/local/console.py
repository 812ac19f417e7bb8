"""Prints the launcher's messages, its table, and the product's logs with a prefix."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_WIDTH = 10  # characters of the longest part's name


def say(part: str, text: str) -> None:
    """Print a line. A closed terminal is ignored."""
    try:
        sys.stdout.write(f"{part:<{_WIDTH}} | {text}\n")
        sys.stdout.flush()
    except OSError:
        pass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    part: str
    state: str
    address: str
    seconds: float | None  # how long the start took; None if it was running already


def table(lines: Iterable[Line]) -> str:
    """Return the lines as an aligned table."""
    rows = [("part", "state", "address", "took")]
    for line in lines:
        took = "-" if line.seconds is None else f"{line.seconds:.1f} s"
        rows.append((line.part, line.state, line.address, took))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([texts[0], "-" * len(texts[0]), *texts[1:]])


class LogTail:
    """Prints what a process has written to its log file since the last call."""

    def __init__(self, part: str, path: Path) -> None:
        self._part = part
        self._path = path
        self._offset = 0

    def show_new(self) -> None:
        """Print the complete lines that were written since the last call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as log:
            log.seek(self._offset)
            new = log.read()
        # An incomplete line is printed by the next call.
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            say(self._part, line)

    def start_over(self) -> None:
        """Print from the beginning of the file: it was emptied."""
        self._offset = 0
