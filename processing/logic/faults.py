"""What is wrong with logic that somebody wrote: where, and what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple


class Fault(NamedTuple):
    """One mistake. The text never repeats values of events."""

    pointer: str  # into the content of the revision, such as /rules/0/when
    detail: str
    line: int = 0  # within the text at `pointer`, from 1; 0: the whole of it
    column: int = 0  # from 1


class InvalidLogic(Exception):
    """Logic that can't be saved; nothing of it was. The catcher shows all faults."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail}" for fault in self.faults))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint at the known word that is most alike, to be put behind a sentence; empty: none is."""
    found = get_close_matches(word, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
