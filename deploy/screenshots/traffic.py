"""The events that the pictures show: readings of a few plants, with some duplicates and dead letters."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import UUID

SITES = ("bonn", "lyon", "porto", "turku")
MACHINES = ("boiler-1", "boiler-2", "chiller-1", "press-3", "pump-7", "turbine-2")
SOURCES = tuple(f"{site}.{machine}" for site in SITES for machine in MACHINES)

RATE = 4_000  # events/s on average: a load that two cores carry together with a browser
SWING = 1_500  # events/s above and below the average
SWING_PERIOD = 45.0  # seconds
ROUND = 0.1  # seconds between two bodies
REPEAT_EVERY = 40  # bodies; the next one is sent twice, so that there are duplicates
CONFLICT_EVERY = 200  # bodies; the next one holds an event whose id was used before
CONFLICT = UUID(int=1, version=4)


def send_until(stopped: Event, post: Callable[[bytes], None]) -> None:
    """Post NDJSON bodies of present readings at a rate that rises and falls.

    :param post: returns when the body is acknowledged
    """
    started = time.monotonic()
    for number, body in enumerate(bodies()):
        post(body)
        if number % REPEAT_EVERY == 0:
            post(body)
        if stopped.wait(max(0.0, started + (number + 1) * ROUND - time.monotonic())):
            return


def bodies() -> Iterator[bytes]:
    """Yield one NDJSON body after the other, without end."""
    chance = random.Random(20251125)  # noqa: S311 - the pictures need no secret
    number = 0
    while True:
        rate = RATE + SWING * math.sin(2 * math.pi * number * ROUND / SWING_PERIOD)
        now = datetime.now(UTC)
        count = int(rate * ROUND * chance.uniform(0.9, 1.1))
        events = [reading(SOURCES[index % len(SOURCES)], now, index, chance) for index in range(count)]
        if number % CONFLICT_EVERY == 0:
            # The same id with another payload each time: all but the first become dead letters.
            events[0]["eventId"] = str(CONFLICT)
        yield b"\n".join(json.dumps(event).encode() for event in events)
        number += 1


def reading(source: str, now: datetime, index: int, chance: random.Random) -> dict[str, object]:
    """Return one event; `index` sets its time apart from those of the same body."""
    moment = now - timedelta(microseconds=97 * index)
    payload = {
        "temperature": round(chance.gauss(61, 4), 2),
        "pressure": round(chance.gauss(4.2, 0.3), 3),
        "vibration": round(abs(chance.gauss(0.8, 0.2)), 3),
        "running": chance.random() < 0.97,
    }
    return {"sourceId": source, "timestamp": moment.isoformat().replace("+00:00", "Z"), "payload": payload}
