"""The fields of the last events of sources, as rules name them."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from ingestion.auth.source_patterns import ANY
from ingestion.models import Source
from processing.logic.expressions.reading.names import RESERVED
from processing.models import Event

MAX_SOURCES = 5
MAX_EVENTS = 20  # of each
MAX_FIELDS = 200
MAX_SHOWN = 60  # characters of a value
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class RecentField(NamedTuple):
    """A field and a value that it had."""

    path: str  # as an expression has it
    value: str


def read(patterns: Sequence[str], labels: Mapping[str, str]) -> list[RecentField]:
    """Return the fields of the last events of some of these sources; without any pattern and label of all sources."""
    found: dict[str, str] = {}
    for source in _sources(patterns, labels):
        rows = Event.objects.filter(source_id=source).order_by("-ts")[:MAX_EVENTS]
        for payload in rows.values_list("payload", flat=True):
            for path, value in _fields(payload, ()):
                found.setdefault(path, value)
    return [RecentField(*pair) for pair in islice(sorted(found.items()), MAX_FIELDS)]


def as_expression(path: Sequence[str]) -> str:
    """Return the path of a field as an expression has it."""
    plain = all(_NAME.fullmatch(key) and not keyword.iskeyword(key) for key in path)
    if plain and path[0] not in RESERVED and path[0].lower() not in {"true", "false", "null", "none"}:
        return ".".join(path)
    return "payload" + "".join(f"[{json.dumps(key, ensure_ascii=False)}]" for key in path)


def _sources(patterns: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    rows = Source.objects.order_by("source_id")
    if labels:
        rows = rows.filter(labels__contains=dict(labels))
    if not patterns or ANY in patterns:
        return list(rows.values_list("source_id", flat=True)[:MAX_SOURCES])
    found: list[str] = []
    for pattern in patterns[:MAX_SOURCES]:
        one = {"source_id": pattern} if not pattern.endswith(ANY) else {"source_id__startswith": pattern[:-1]}
        found += rows.filter(**one).values_list("source_id", flat=True)[:MAX_SOURCES]
    return list(dict.fromkeys(found))[:MAX_SOURCES]


def _fields(value: Mapping[str, object], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, member in value.items():
        if isinstance(member, dict) and member:
            yield from _fields(member, (*path, name))
        else:
            text = json.dumps(member, ensure_ascii=False)
            yield as_expression((*path, name)), text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
