"""The requests of each line: other sources, fields and ranges in each, so that no answer comes from a cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, repeat
from random import Random
from urllib.parse import urlencode
from uuid import UUID, uuid4

from deploy.bench.queries.deployment import Filled
from deploy.bench.queries.filling.history import BUSY, FIELDS
from deploy.bench.queries.lines import Limit

REQUESTS = 100
ZONE = "Europe/Berlin"
POINTS = 800
MONTH, YEAR = timedelta(days=30), timedelta(days=365)
SINCE_NOW = 2.1  # seconds; an answer that touches now is kept for two at most
CACHED = 5.0  # milliseconds of the servers' time


@dataclass(frozen=True, slots=True)
class Question:
    """One line: the addresses that are asked for, and what is to be reached."""

    name: str
    paths: Callable[[Filled], Iterator[str]]  # without end, each another one
    limits: tuple[Limit, ...] = ()
    requests: int = REQUESTS
    pause: float = 0.0  # seconds between two
    warm: int = 5  # requests that do not count
    expected: int = 200


def p95(most: float) -> tuple[Limit, ...]:
    """Return the limit of a line's 95th percentile in milliseconds."""
    return (Limit("ms p95", most=most),)


def _of_source(filled: Filled) -> Iterator[str]:
    for number, end in enumerate(_moments(filled, timedelta(days=2))):
        yield f"/data?{urlencode({'source_id': _source(number), 'end_time': _text(end)})}"


def _of_all(filled: Filled) -> Iterator[str]:
    for end in _moments(filled, timedelta(days=2)):
        yield f"/data?{urlencode({'end_time': _text(end)})}"


def _hours(filled: Filled) -> Iterator[str]:
    for number, end in enumerate(_moments(filled, MONTH)):
        yield _aggregate(number, end - MONTH, end, interval="1h")


def _days(filled: Filled) -> Iterator[str]:
    for number, end in enumerate(_moments(filled, YEAR)):
        yield _aggregate(number, end - YEAR, end, interval="1d", tz=ZONE)


def _utc_days(filled: Filled) -> Iterator[str]:
    for number, end in enumerate(_moments(filled, YEAR)):
        yield _aggregate(number, end - YEAR, end, interval="1d")


def _aggregate(number: int, start: datetime, end: datetime, **parameters: str) -> str:
    of = {"source_id": _source(number), "field": FIELDS[number % len(FIELDS)], **parameters}
    return f"/api/data/aggregate/?{urlencode({**of, 'start_time': _text(start), 'end_time': _text(end)})}"


def _series(filled: Filled) -> Iterator[str]:
    for number, end in enumerate(_moments(filled, MONTH)):
        span = [("from", _text(end - MONTH)), ("to", _text(end)), ("max_points", str(POINTS))]
        fields = [("field", name) for name in FIELDS]
        yield f"/api/series/?{urlencode([('source_id', _source(number)), *fields, *span])}"


def _five_hundred(_: Filled) -> Iterator[str]:
    """Patterns of all sources, since a request line takes some 200 ids; one id besides, so that no two are alike."""
    patterns = [("source_id", "sensor-*"), ("source_id", "valve-*")]
    return (f"/api/latest/?{urlencode([*patterns, ('source_id', _source(number))])}" for number in count())


def _first_page(filled: Filled) -> Iterator[str]:
    # All of them were seen since then.
    began = filled.history.begins - YEAR
    return (
        f"/api/sources/?{urlencode({'last_seen_after': _text(began + timedelta(seconds=number))})}"
        for number in count()
    )


def _latest(_: Filled) -> Iterator[str]:
    return (f"/api/sources/{_source(number)}/latest/" for number in count())


def _pipeline(_: Filled) -> Iterator[str]:
    return repeat("/api/pipeline/")


def _events(filled: Filled) -> Iterator[str]:
    return (f"/api/events/{event}/" for event in _event_ids(filled))


def _unknown_events(filled: Filled) -> Iterator[str]:
    """Ids of the times of events, with another hash."""
    return (f"/api/events/{UUID(int=event.int ^ 0xFFFF)}/" for event in _event_ids(filled))


def _random_events(_: Filled) -> Iterator[str]:
    while True:
        yield f"/api/events/{uuid4()}/"


def _again(filled: Filled) -> Iterator[str]:
    return repeat(next(_of_source(filled)))


def _hours_again(filled: Filled) -> Iterator[str]:
    return repeat(next(_hours(filled)))


def _event_ids(filled: Filled) -> Iterator[UUID]:
    with filled.stack.stores.connect() as connection:
        for number, end in enumerate(_moments(filled, timedelta(days=2))):
            yield from (
                found
                for (found,) in connection.execute(
                    "SELECT id FROM events WHERE source_id = %s AND ts < %s ORDER BY ts DESC LIMIT 1",
                    [_source(number), end],
                )
            )


def _moments(filled: Filled, least: timedelta) -> Iterator[datetime]:
    """Yield moments all over the history, which leave so much of it before them.

    They are others each time: answers about the past are kept for an hour.
    """
    random = Random()  # noqa: S311 - nothing depends on it
    history = filled.history
    room = max(history.now - history.begins - least, timedelta())
    while True:
        yield history.now - random.random() * room


def _source(number: int) -> str:
    return f"sensor-{number * 7 % BUSY:03}"


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


QUESTIONS = {
    "source": Question("`GET /data`, 100 rows of one source", _of_source, p95(30)),
    "all": Question("`GET /data`, 100 rows without filter", _of_all, p95(30)),
    "hours": Question("hour aggregate, 30 days of one field", _hours, p95(50)),
    "days": Question(f"day aggregate, a year of one field in {ZONE}", _days, p95(80)),
    "utc-days": Question("– the same in UTC", _utc_days),
    "series": Question(f"`/api/series/`, 30 days, 3 fields, {POINTS} points", _series, p95(60)),
    "latest500": Question("latest of 500 sources: `/api/latest/` by two patterns", _five_hundred, p95(50)),
    "latest": Question("`/api/sources/<id>/latest/`", _latest, p95(50)),
    "sources": Question("`/api/sources/`, first page; what was sent hours ago is kept for 10 s", _first_page, p95(50)),
    "pipeline": Question("`/api/pipeline/`, each 2 s", _pipeline, p95(50), requests=50, pause=SINCE_NOW, warm=1),
    "event": Question("`/api/events/<id>/`, an event", _events, p95(20)),
    "unknown": Question("– an unknown id with a time", _unknown_events, p95(20), requests=50, warm=1, expected=404),
    "random": Question("– an unknown random id", _random_events, p95(20), requests=50, warm=1, expected=404),
    "cached": Question("the same page again and again", _again, (Limit("ms all", most=CACHED),)),
    "cached-hours": Question("the same hour aggregate again and again", _hours_again, (Limit("ms all", most=CACHED),)),
}
