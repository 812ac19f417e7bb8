"""The history of one event as text: a line for each step, with the time since the one before."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from dashboard.terminal.words import UNKNOWN, duration
from ingestion.management.terminal import Terminal, Tone, cut, printable
from queries.request.times import parse_time
from queries.schemas import LeftOut, Outcome, Trace, TraceStep

WORDS: dict[Outcome, tuple[str, Tone]] = {
    "stored": ("stored", "good"),
    "dead_lettered": ("a dead letter that waits for somebody", "bad"),
    "dropped": ("dropped by a rule", "warn"),
    "closed": ("a dead letter that was sent again and stored", "good"),
    "discarded": ("a dead letter that was discarded", "warn"),
    "in_flight": ("waits in Kafka", "warn"),
    "missing": ("missing: it was read, and no store has it; run manage.py reconcile", "bad"),
}
_STAGES: dict[str, Tone] = {
    "stored": "good",
    "closed": "good",
    "dead_lettered": "bad",
    "failed": "bad",
    "dropped": "warn",
}
STAGE = 16  # columns
TIME = 27


def render(trace: Trace, terminal: Terminal) -> str:
    """Return the history of an event as text."""
    return "\n".join(_lines(trace, terminal))


def _lines(trace: Trace, terminal: Terminal) -> Iterator[str]:
    words, tone = WORDS[trace["outcome"]]
    yield terminal.paint(f"● {words[0].upper()}{words[1:]}", tone)
    yield f"Event {trace['eventId']}"
    yield cut(f"of {printable(trace['sourceId'] or UNKNOWN)}", terminal.width)
    yield ""
    before: str | None = None
    for step in trace["steps"]:
        yield from _step(step, before, terminal)
        before = step["at"] or before
    if more := " and ".join(_left_out(trace["leftOut"])):
        yield ""
        yield from textwrap.wrap(f"The first and the newest are shown. Its id has {more}.", max(20, terminal.width))
    if trace["lag"] is not None:
        yield ""
        yield f"Partition {trace['lag']['partition']}: {trace['lag']['records']:,} records wait."
    search = trace["search"]
    if search is None:
        yield "Kafka does not answer, so what waits there is not known."
    elif not search["complete"]:
        yield "The search of Kafka was ended after some seconds; there may be more."


def _left_out(left_out: LeftOut) -> Iterator[str]:
    if left_out["deadLetters"]:
        yield f"{'at least ' if left_out['atLeast'] else ''}{left_out['deadLetters']:,} more dead letters"
    if left_out["copies"]:
        yield f"{left_out['copies']:,} more copies in Kafka"


def _step(step: TraceStep, before: str | None, terminal: Terminal) -> Iterator[str]:
    time = (step["at"] or UNKNOWN).ljust(TIME)[:TIME]
    stage = terminal.paint(step["stage"].replace("_", " ").ljust(STAGE), _STAGES.get(step["stage"]))
    letter = f" (letter {step['letter']})" if step["letter"] is not None else ""
    later = f" {_later(before, step['at'])}" if before and step["at"] else ""
    indent = " " * (TIME + 1 + STAGE)
    text = f"{printable(step['detail'])}{letter}{later}"
    if terminal.width >= 2 * len(indent):
        first, *rest = textwrap.wrap(text, terminal.width - len(indent)) or [""]
        yield f"{time} {stage}{first}".rstrip()
        yield from (indent + line for line in rest)
        return
    yield f"{time} {stage}".rstrip()
    yield from textwrap.wrap(text, max(20, terminal.width), initial_indent="  ", subsequent_indent="  ")


def _later(before: str, at: str) -> str:
    seconds = (parse_time(at) - parse_time(before)).total_seconds()
    return "" if seconds <= 0 else f"+{seconds * 1000:.0f} ms" if seconds < 1 else f"+{duration(seconds)}"
