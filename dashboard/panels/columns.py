"""Rows as columns of equal length, the form in which pages and the live feed send them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from processing.events import fields
from processing.live_feed import TailEvent
from queries.request.times import format_time, from_micros
from queries.schemas import Chart, EventShape

PREVIEW_CHARACTERS = 240  # of an event's payload
CELL_CHARACTERS = 80  # of one field
MAX_CHOSEN = 12  # fields that have a column
SHOWN_VALUES = 4  # fields of one source on the overview

Interval = Literal["1m", "1h", "1d"]  # of a series' aggregates


class ChartBucket(TypedDict):
    """Aggregates of one field over one bucket, from `start`."""

    field: str
    start: str
    count: int
    avg: float | None  # None: the sum is past the largest double
    min: float
    max: float


class BucketColumns(TypedDict):
    """Aggregates as columns of equal length."""

    field: list[str]
    start: list[str]
    count: list[int]
    avg: list[float | None]
    min: list[float]
    max: list[float]


def chart_buckets(chart: Chart) -> list[ChartBucket]:
    """Return the points of a chart that have events, series by series."""
    starts = [format_time(from_micros(at * 1_000)) for at in chart["time"]]
    return [
        {"field": each["field"], "start": start, "count": count, "avg": avg, "min": least, "max": most}
        for each in chart["series"]
        for start, count, avg, least, most in zip(
            starts, each["count"], each["avg"], each["min"], each["max"], strict=True
        )
        if least is not None and most is not None
    ]


def bucket_columns(buckets: list[ChartBucket]) -> BucketColumns:
    """Return aggregates as columns."""
    return {
        "field": [bucket["field"] for bucket in buckets],
        "start": [bucket["start"] for bucket in buckets],
        "count": [bucket["count"] for bucket in buckets],
        "avg": [bucket["avg"] for bucket in buckets],
        "min": [bucket["min"] for bucket in buckets],
        "max": [bucket["max"] for bucket in buckets],
    }


def event_columns(events: Sequence[TailEvent | EventShape], chosen: Sequence[str] = ()) -> dict[str, list[object]]:
    """Return events as columns, oldest first.

    :param chosen: paths of fields, whose texts are in `cells`
    """
    own: dict[str, list[object]] = {"cells": [cells(event["payload"], chosen) for event in events]} if chosen else {}
    return {
        **own,
        "eventId": [event["eventId"] for event in events],
        "sourceId": [event["sourceId"] for event in events],
        "timestamp": [event["timestamp"] for event in events],
        "storedAt": [event["storedAt"] for event in events],
        "preview": [preview(event["payload"]) for event in events],
    }


def cells(payload: Mapping[str, object], chosen: Sequence[str]) -> list[str]:
    """Return some fields of a payload as texts; "" where it has no such field."""
    return [_cell(payload, path) for path in chosen]


def _cell(payload: Mapping[str, object], path: str) -> str:
    found: object = payload
    for step in fields.split(path):
        if not isinstance(found, dict) or step not in found:
            return ""
        found = found[step]
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"


def preview(payload: dict[str, object]) -> str:
    """Return a payload as one line of JSON, cut to PREVIEW_CHARACTERS (a payload may have 256 KiB).

    Its keys are in PostgreSQL's order, so that an event looks the same as it comes and as it is stored.
    """
    text = json.dumps(_ordered(payload), ensure_ascii=False, separators=(", ", ": "))
    return text if len(text) <= PREVIEW_CHARACTERS else text[: PREVIEW_CHARACTERS - 1] + "…"


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: (len(key.encode()), key))}
    return [_ordered(item) for item in value] if isinstance(value, list) else value
