"""What the demo's sources send in each second. Pure: the time comes in as an argument."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypedDict
from uuid import UUID

PREFIX = "demo."
PATTERN = f"{PREFIX}*"

SILENT_AFTER = 60  # seconds, after which one source is heard no more
# Below what gets a source set aside: of that, receivers would reject it, and nothing more of it would be seen.
BROKEN_EVERY = 5  # seconds
LATE_BY = timedelta(hours=3)
SAME_ID = UUID("dededede-0000-4000-8000-000000000000")  # which the broken gateway gives to every event

Payload = dict[str, float | str | bool]


class DemoEvent(TypedDict, total=False):
    """One event as a sender writes it."""

    sourceId: str
    timestamp: str
    payload: Payload
    eventId: str


class DemoSource(NamedTuple):
    """One source of the demo."""

    name: str
    about: str
    every: int  # seconds between two sendings
    send: Callable[[str, int, datetime], Iterator[DemoEvent]]


def in_second(second: int, now: datetime) -> list[DemoEvent]:
    """Return what all sources send in a second.

    :param second: since the demo began
    :param now: in UTC
    """
    due = (source for source in SOURCES if second % source.every == 0)
    return [event for source in due for event in source.send(source.name, second, now)]


def _event(name: str, now: datetime, payload: Payload) -> DemoEvent:
    return {"sourceId": name, "timestamp": text_of(now), "payload": payload}


def text_of(moment: datetime) -> str:
    """Return a time as RFC 3339."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _greenhouse(name: str, second: int, now: datetime) -> Iterator[DemoEvent]:
    wave = math.sin((second + len(name) * 40) / 60)
    payload: Payload = {
        "temperature": _near(name, second, 22 + 3 * wave, 0.1),
        "humidity": _near(name, second, 60 - 8 * wave, 0.5),
        "window": "open" if wave > 0.6 else "closed",
    }
    yield _event(name, now, payload)


def _meter(name: str, second: int, now: datetime) -> Iterator[DemoEvent]:
    yield _event(name, now, {"power": _near(name, second, 1_850, 60), "energy": round(4_711 + second * 0.0005, 4)})


def _hot(name: str, second: int, now: datetime) -> Iterator[DemoEvent]:
    degrees = 60 + 80 * min(1.0, second / 300)
    yield _event(name, now, {"temperature": _near(name, second, degrees, 0.8), "rpm": _near(name, second, 1_480, 15)})


def _silent(name: str, second: int, now: datetime) -> Iterator[DemoEvent]:
    if second < SILENT_AFTER:
        yield _event(name, now, {"level": _near(name, second, 71, 0.2)})


def _broken(name: str, second: int, now: datetime) -> Iterator[DemoEvent]:
    # After the first, each is other content under an id that is taken: the dead letter `id_conflict`.
    yield {**_event(name, now, {"vibration": _near(name, second, 4, 0.5), "n": second}), "eventId": str(SAME_ID)}


def _doubles(name: str, second: int, now: datetime) -> Iterator[DemoEvent]:
    yield from [_event(name, now, {"pressure": _near(name, second, 3.2, 0.05)})] * 3


def _behind(name: str, second: int, now: datetime) -> Iterator[DemoEvent]:
    yield _event(name, now - LATE_BY, {"temperature": _near(name, second, 8, 0.2)})


def _near(name: str, second: int, middle: float, width: float) -> float:
    # Every demo has the same numbers.
    return round(random.Random(f"{name} {second}").gauss(middle, width), 2)  # noqa: S311 - no secret


SOURCES = (
    DemoSource(f"{PREFIX}greenhouse.north", "is well: temperature, humidity, a window", 1, _greenhouse),
    DemoSource(f"{PREFIX}greenhouse.south", "is well", 1, _greenhouse),
    DemoSource(f"{PREFIX}meter", "is well: power and energy", 2, _meter),
    DemoSource(f"{PREFIX}press-hot", "gets hotter and hotter, from 60 to 140 degrees", 1, _hot),
    DemoSource(f"{PREFIX}tank-silent", "falls silent after a minute", 1, _silent),
    DemoSource(
        f"{PREFIX}gateway-broken", "gives all events one id, so they become dead letters", BROKEN_EVERY, _broken
    ),
    DemoSource(f"{PREFIX}pump-doubles", "sends everything three times", 1, _doubles),
    DemoSource(f"{PREFIX}logger-clock", "has a clock three hours behind", 1, _behind),
)
