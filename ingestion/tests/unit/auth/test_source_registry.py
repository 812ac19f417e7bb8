"""What a receiver keeps of a large table of sources, with a table in the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestion.auth import source_registry
from ingestion.auth.source_registry import SourceRegistry, _Read
from ingestion.events.identity import source_ids

TABLE = {f"registered-{n:05}" for n in range(5_000)}


class Asked:
    """Answers queries, and counts the sources they asked for."""

    def __init__(self) -> None:
        self.names: list[list[str]] = []

    async def __call__(self, query: Callable[[], Any]) -> Any:
        return query()

    def registered(self, names: list[str]) -> set[str]:
        self.names.append(names)
        return TABLE.intersection(names)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    asked = Asked()
    monkeypatch.setattr(source_registry, "KNOWN", 100)
    monkeypatch.setattr(source_registry, "ABSENT", 10)
    monkeypatch.setattr(source_registry, "WAITING", 50)
    monkeypatch.setattr(source_registry, "WAITING_LABEL_BYTES", 1_000)
    monkeypatch.setattr(source_registry, "_registered", asked.registered)
    first = dict.fromkeys(sorted(TABLE)[:100])
    monkeypatch.setattr(source_registry, "_read_table", lambda _: _Read(first, frozenset()))
    yield asked
    source_ids.forget([*TABLE, *(f"new-{n}" for n in range(1_000))])


async def test_a_large_table_is_kept_in_part_and_the_rest_is_looked_up(asked: Asked) -> None:
    registry = SourceRegistry(asked)

    for begin in range(0, 5_000, 1_000):
        assert await registry.unknown(set(sorted(TABLE)[begin : begin + 1_000])) == set()
        assert await registry.unknown({f"made-up-{n}" for n in range(begin, begin + 1_000)})

    assert len(registry._known or ()) <= 100
    assert len(registry._absent) <= 10
    registry.close()


async def test_a_source_that_is_not_registered_is_not_looked_up_again_at_once(asked: Asked) -> None:
    registry = SourceRegistry(asked)

    for _ in range(3):
        assert await registry.unknown({"made-up"}) == {"made-up"}

    assert asked.names == [["made-up"]]
    registry.close()


async def test_what_waits_for_postgresql_is_bounded(asked: Asked) -> None:
    registry = SourceRegistry(asked)

    for number in range(1_000):
        registry.note({f"new-{number}"}, {f"new-{number}": {"label": "v" * 250}})

    assert len(registry._new) <= 50
    assert sum(len(value) for labels in registry._new.values() for value in labels.values()) <= 1_000
    registry.close()
