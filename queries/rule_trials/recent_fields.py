"""The fields of the last events of sources, as rules name them."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from ingestion.auth.read_scope import ReadScope
from processing.logic.expressions.reading.names import RESERVED
from processing.models import Event
from queries.reads import postgres
from queries.rule_trials import matching_sources

MAX_SOURCES = 5
MAX_EVENTS = 20  # of each
MAX_FIELDS = 200
MAX_SHOWN = 60  # characters of a value
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class RecentField(NamedTuple):
    """A field and a value that it had."""

    path: str  # as an expression has it
    value: str


def read(patterns: Sequence[str], labels: Mapping[str, str], *, scope: ReadScope) -> list[RecentField]:
    """Return the fields of the last events of some of these sources; without any pattern and label of all sources.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    found: dict[str, str] = {}
    with postgres.bounded():
        for source in matching_sources.newest(patterns, labels, scope=scope, count=MAX_SOURCES):
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


def _fields(value: Mapping[str, object], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, member in value.items():
        if isinstance(member, dict) and member:
            yield from _fields(member, (*path, name))
        else:
            text = json.dumps(member, ensure_ascii=False)
            yield as_expression((*path, name)), text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
