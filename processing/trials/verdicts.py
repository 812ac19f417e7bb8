"""What a revision says of each event, in the cheapest form: most events are kept as they were sent. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ingestion.events.identity.content_hash import is_same_content
from processing.events.entries import Entries
from processing.events.judged import Judged
from processing.events.made import Made

Outcome = Literal["stored", "changed", "tagged", "rejected", "dropped"]
OUTCOMES: tuple[Outcome, ...] = ("stored", "changed", "tagged", "rejected", "dropped")


class Gone(NamedTuple):
    """An event without a row."""

    fate: Literal["rejected", "dropped"]
    rule: str  # or schema
    reason: str = ""  # why it was rejected


# None: stored as it was sent.
Verdict = Made | Gone | None


def verdicts(judged: Judged, entries: Entries) -> list[Verdict]:
    """Return the verdict on each of the entries that were judged, in their order."""
    gone = {key: Gone("dropped", rule) for key, rule in judged.rules.items()}
    gone |= {one.entry.key: Gone("rejected", one.rule, one.detail) for one in judged.rejected}
    if not gone:
        return list(judged.kept.made)
    made = iter(judged.kept.made)
    return [gone[key] if key in gone else next(made) for key in entries.keys]


def outcomes(verdict: Verdict, sent: dict[str, object]) -> tuple[Outcome, ...]:
    """Return the words for a verdict.

    :param sent: the payload that was; one that is set to what it was is not changed
    """
    if verdict is None:
        return _STORED
    if isinstance(verdict, Gone):
        return _GONE[verdict.fate]
    return _MADE[not is_same_content(verdict.values, sent), bool(verdict.tags)]


_STORED: tuple[Outcome, ...] = ("stored",)
_GONE: dict[str, tuple[Outcome, ...]] = {"rejected": ("rejected",), "dropped": ("dropped",)}
_MADE: dict[tuple[bool, bool], tuple[Outcome, ...]] = {
    (False, False): _STORED,
    (True, False): ("stored", "changed"),
    (False, True): ("stored", "tagged"),
    (True, True): ("stored", "changed", "tagged"),
}


def differ(one: Verdict, other: Verdict, sent: dict[str, object]) -> bool:
    """Return whether two verdicts leave different rows, or a row and none."""
    if isinstance(one, Gone) or isinstance(other, Gone):
        return not (isinstance(one, Gone) and isinstance(other, Gone) and one.fate == other.fate)
    if (one.tags if one else ()) != (other.tags if other else ()):
        return True
    return not is_same_content(one.values if one else sent, other.values if other else sent)
