"""Measures how fast the consumer drains a topic in which one event of a hundred becomes a dead letter, and a clean one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from deploy.bench.figures import Figure
from deploy.bench.measurements.drain import Drained, drain_all
from deploy.bench.measurements.raw import fill, make_lines
from deploy.bench.stack import fresh_stack
from deploy.testing.servers import Servers
from ingestion.events.model import Event
from ingestion.kafka import record_encoder

EVENTS = 300_000
EVERY = 101  # no divisor of the number of sources, so that these events are spread over all sources
CONFLICT_AFTER = 10_100  # events; more than a batch, so that the stores have to detect it

Lines = Iterable[tuple[Event, bytes]]
Spoil = Callable[[Lines], Iterator[tuple[Event, bytes]]]


def unreadable(servers: Servers, name: str, *, events: int = EVENTS) -> Iterator[Figure]:
    """Truncate one line in a hundred."""
    yield from _measure(servers, name, events, _cut_short, "1 % unreadable")


def conflicts(servers: Servers, name: str, *, events: int = EVENTS) -> Iterator[Figure]:
    """Use the id of an earlier event of the same source for one event in a hundred."""
    yield from _measure(servers, name, events, _take_id, "1 % id conflicts")


def _measure(servers: Servers, name: str, events: int, spoil: Spoil, label: str) -> Iterator[Figure]:
    clean = _drain(servers, f"{name}_clean", events, iter)
    spoiled = _drain(servers, name, events, spoil)
    yield Figure(
        f"backlog with {label}",
        {"events/s": spoiled.rate, "% of clean": spoiled.rate / clean.rate * 100, "events/s clean": clean.rate},
        f"{events:,} events in records of 100, drained in the same round without and with",
    )


def _drain(servers: Servers, name: str, events: int, spoil: Spoil) -> Drained:
    with fresh_stack(servers, name) as stack:
        fill(servers.kafka.address, stack.raw_topic, spoil(make_lines(events, prefix="spoiled")))
        return drain_all(stack, events)


def _cut_short(lines: Lines) -> Iterator[tuple[Event, bytes]]:
    for number, (event, line) in enumerate(lines):
        yield event, line[:-20] if number % EVERY == 0 else line


def _take_id(lines: Lines) -> Iterator[tuple[Event, bytes]]:
    earlier: dict[int, Event] = {}
    for number, (event, line) in enumerate(lines):
        taken = earlier.pop(number - CONFLICT_AFTER, None)
        if number % EVERY == 0:
            earlier[number] = event
        if taken is None:
            yield event, line
        else:
            other = Event(taken.id, taken.source, taken.ts, event.payload)
            yield other, record_encoder.line(other, received=event.ts)
