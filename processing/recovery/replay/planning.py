"""Compares what a revision makes of events with what their rows have. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from processing.events.entries import Entries, Entry
from processing.events.judged import Rejection
from processing.events.made import as_sent
from processing.logic.engine import Logic
from processing.recovery.replay.reading import Chunk, Present

STORED, DROPPED, REJECTED = "stored", "dropped", "rejected"


@dataclass(slots=True)
class Move:
    """An event whose fate changes."""

    entry: Entry
    before: str
    after: str
    rejection: Rejection | None = None
    rule: str = ""  # that drops or rejects it


@dataclass(slots=True)
class ReplayPlan:
    """What is to be done with a chunk; events that stay as they are do not occur."""

    changed: Entries = field(default_factory=Entries)  # rows with another payload or other tags
    moved: list[Move] = field(default_factory=list)
    same: int = 0


def plan(chunk: Chunk, logic: Logic) -> ReplayPlan:
    """Judge the events of a chunk, and compare."""
    found = ReplayPlan()
    judged = logic.judge(chunk.events)
    changed: list[int] = []
    for index, (key, made) in enumerate(zip(judged.kept.keys, judged.kept.made, strict=True)):
        present = chunk.present[key]
        if present.fate != STORED:
            found.moved.append(Move(judged.kept[index], present.fate, STORED))
        elif not present.row.is_like(made or as_sent(judged.kept.values[index])):
            changed.append(index)
        else:
            found.same += 1
    found.changed = judged.kept.select(changed)
    for entry in judged.dropped:
        _move(found, chunk.present[entry.key], Move(entry, "", DROPPED, rule=judged.rules[entry.key]))
    for rejection in judged.rejected:
        entry = rejection.entry
        _move(found, chunk.present[entry.key], Move(entry, "", REJECTED, rejection, rejection.rule))
    return found


def _move(found: ReplayPlan, present: Present, move: Move) -> None:
    if present.fate == move.after:
        found.same += 1
        return
    move.before = present.fate
    found.moved.append(move)
