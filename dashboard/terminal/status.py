"""The state of the pipeline as text: a word and a sentence first, then each part in a line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from dashboard.panels import verdict
from dashboard.panels.snapshot import total_lag
from dashboard.terminal.state import PipelineState
from dashboard.terminal.words import ago, amount, tone_of_source
from ingestion.management.tables import Cell, Column, table
from ingestion.management.terminal import Terminal, Tone, cut, printable, width_of
from queries.schemas import DoorShape, Pipeline
from queries.sources.health.state import STATES

LABEL = 14  # columns
WIDEST = 120  # columns of a sentence, beyond which nobody reads it

_SERVERS = {"kafka": "Kafka", "postgresql": "PostgreSQL", "mongodb": "MongoDB", "redis": "Redis"}
_GUARDS: dict[str, Tone] = {"open": "warn", "closed": "bad"}


def render(state: PipelineState, terminal: Terminal) -> str:
    """Return the state as text."""
    lines = [*_head(state, terminal), "", *_numbers(state, terminal), *_servers(state, terminal)]
    if state.pipeline is not None:
        lines += [*_held(state.pipeline, terminal), *_processes(state.pipeline, terminal)]
    return "\n".join(lines)


def in_one_line(state: PipelineState) -> str:
    """Return the state in a line, for a log."""
    stored = amount(state.rates["stored"])
    return f"{state.line['word']}: {printable(state.line['text'])} ({stored} events/s stored)"


def _head(state: PipelineState, terminal: Terminal) -> Iterator[str]:
    word, tone = state.line["word"], state.line["tone"]
    room = min(terminal.width, WIDEST)
    yield terminal.paint(f"● {word}", tone)
    yield from textwrap.wrap(printable(state.line["text"]), room)
    for notice in state.notices:
        since = f", for {ago(notice['since'])}" if notice["since"] else ""
        by = notice["acknowledgedBy"]
        seen = "" if by is None else f", acknowledged by {printable(by)}"
        yield ""
        for line in textwrap.wrap(f"! {printable(notice['title'])}{since}{seen}", room):
            yield terminal.paint(line, notice["tone"] if by is None else "noted")
        yield from textwrap.wrap(printable(notice["text"]), room, initial_indent="  ", subsequent_indent="  ")


def _numbers(state: PipelineState, terminal: Terminal) -> Iterator[str]:
    pipeline = state.pipeline
    yield _fact("Received", f"{amount(state.rates['accepted'])} events/s", terminal)
    yield _fact("Stored", f"{amount(state.rates['stored'])} events/s", terminal)
    if pipeline is None:
        for name in ("Waiting", "Dead letters", "Sources"):
            yield _fact(name, "–", terminal)
        return
    told, lag = verdict.told(pipeline), total_lag(pipeline["lag"])
    behind = "" if lag is None or not lag["records"] else f", {amount(lag['seconds'])} s behind"
    yield _fact("Waiting", f"{told['lag']} events{behind}", terminal)
    parked = f", {told['parkedDeadLetters']} parked" if told["parkedDeadLetters"] else ""
    letters = f"{told['openDeadLetters']} open{parked}"
    yield _fact("Dead letters", letters, terminal, "warn" if told["lettersWait"] else None)
    yield _sources(state, terminal)


def _sources(state: PipelineState, terminal: Terminal) -> str:
    if state.sources is None:
        return _fact("Sources", "–", terminal)
    parts: list[tuple[str, Tone | None]] = [
        (f"{state.sources[each]:,} {each}", tone_of_source(each)) for each in STATES if state.sources[each]
    ]
    return _parts("Sources", parts or [("none", None)], terminal)


def _servers(state: PipelineState, terminal: Terminal) -> Iterator[str]:
    parts: list[tuple[str, Tone | None]] = []
    for key, name in _SERVERS.items():
        store = state.stores[key]  # type: ignore[literal-required]
        if store["state"] == "up":
            parts.append((f"{name} {amount(store['latencyMs'])} ms", None))
        else:
            parts.append((f"{name} does not answer", "bad"))
    yield _parts("Servers", parts, terminal)


def _held(pipeline: Pipeline, terminal: Terminal) -> Iterator[str]:
    if not pipeline["held"]:
        return
    columns = (
        Column("held partition"),
        Column("for", right=True),
        Column("reason", least=20),
        Column("to do", least=20),
    )
    rows = [
        (Cell(f"{each['topic']}/{each['partition']}", "bad"), ago(each["since"]), each["reason"], each["remedy"])
        for each in pipeline["held"]
    ]
    yield ""
    yield from table(columns, rows, terminal)


def _processes(pipeline: Pipeline, terminal: Terminal) -> Iterator[str]:
    yield ""
    doors, consumers = pipeline["doors"], pipeline["consumers"]
    if doors is None:
        yield _fact("Receivers", "–", terminal)
    elif not doors["processes"]:
        yield _fact("Receivers", "none runs", terminal, "bad")
    else:
        columns = (
            Column("receiver"),
            Column("events/s", right=True),
            Column("rejected", right=True),
            Column("state", least=6),
            Column("process", least=8, spare=1),
        )
        yield from table(columns, [_receiver(each) for each in doors["processes"]], terminal)
    yield ""
    if not consumers:
        yield _fact(
            "Consumers", "–" if consumers is None else "none runs", terminal, None if consumers is None else "bad"
        )
        return
    rows = [
        (each["member"], ", ".join(map(str, each["partitions"])) or "none", each["state"], ago(each["since"]))
        for each in consumers
    ]
    yield from table(
        (
            Column("consumer", least=10),
            Column("partitions", least=6),
            Column("state"),
            Column("for", right=True, spare=1),
        ),
        rows,
        terminal,
    )


def _receiver(each: DoorShape) -> tuple[str | Cell, ...]:
    guard = each["guard"]
    words = {"off": "takes events", "open": "takes events", "closed": f"closed: {guard['reason']}"}[guard["state"]]
    return (
        each["kind"],
        amount(each["acceptedPerSecond"]),
        f"{sum(each['refused'].values()):,}",
        Cell(words, _GUARDS.get(guard["state"]) if guard["state"] == "closed" else None),
        each["process"],
    )


def _fact(name: str, text: str, terminal: Terminal, tone: Tone | None = None) -> str:
    return _parts(name, [(text, tone)], terminal)


def _parts(name: str, parts: list[tuple[str, Tone | None]], terminal: Terminal) -> str:
    """Return a label and its parts in one line, as many as have room."""
    room = terminal.width - LABEL
    line = ""
    for place, (text, tone) in enumerate(parts):
        shown = cut(("" if place == 0 else ", ") + text, room)
        room -= width_of(shown)
        line += terminal.paint(shown, tone)
    return f"{name:<{LABEL}}{line}".rstrip()
