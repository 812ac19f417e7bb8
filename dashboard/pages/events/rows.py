"""Events as rows of a table: what of a payload is shown, and which of its fields can have a column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypedDict

from dashboard.panels import columns
from processing.events import fields

MAX_OFFERED = 60  # fields that can have a column


class EventRow(TypedDict):
    """An event in a table."""

    eventId: str
    sourceId: str
    timestamp: str
    storedAt: str
    preview: str
    cells: list[tuple[str, str]]  # path and text of the chosen columns; "" where the event has no such field
    tags: list[str]


class Offered(TypedDict):
    """A field that can have a column."""

    path: str
    chosen: bool


def row(
    event_id: str,
    source_id: str,
    *,
    times: tuple[str, str],
    payload: Mapping[str, object],
    tags: Sequence[str],
    chosen: Sequence[str],
) -> EventRow:
    """Return one row.

    :param times: of the event, and when it was stored
    """
    return {
        "eventId": event_id,
        "sourceId": source_id,
        "timestamp": times[0],
        "storedAt": times[1],
        "preview": columns.preview(dict(payload)),
        "cells": titled(payload, chosen),
        "tags": list(tags),
    }


def titled(payload: Mapping[str, object], chosen: Sequence[str]) -> list[tuple[str, str]]:
    """Return the chosen columns of a payload, each with its path."""
    return list(zip(chosen, columns.cells(payload, chosen), strict=True))


def offered(payloads: Iterable[Mapping[str, object]], chosen: Sequence[str]) -> list[Offered]:
    """Return the fields of payloads, and those that are chosen."""
    found = dict.fromkeys(chosen)
    for payload in payloads:
        found |= dict.fromkeys(_paths(payload, ""))
        if len(found) > MAX_OFFERED:
            break
    shown = [*chosen, *sorted(path for path in found if path not in chosen)][:MAX_OFFERED]
    return [{"path": path, "chosen": path in chosen} for path in shown]


def _paths(members: Mapping[str, object], prefix: str) -> Iterator[str]:
    for key, value in members.items():
        path = prefix + fields.escape(key)
        if isinstance(value, dict) and value:
            yield from _paths(value, path + ".")
        elif len(path.encode()) <= fields.MAX_PATH and "," not in path:
            yield path
