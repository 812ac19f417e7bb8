"""How long the text and boolean fields of a source kept each value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.core.cache import cache

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import ReadScope
from queries.sources import state_runs
from queries.sources.state_runs import Run
from queries.tests.stored import NOON, make_event, store

pytestmark = pytest.mark.services

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
OWN = ReadScope(frozenset({"press"}))
START = round(NOON.timestamp() * 1_000)


def send(*values: tuple[int, Mapping[str, object]], source: str = "press") -> None:
    store(*(make_event(source, ts=NOON + second * SECOND, payload=dict(payload)) for second, payload in values))


def runs(
    *names: str, within: ReadScope = OWN, seconds: int = 3_600
) -> dict[str, list[tuple[str | None, int, int, int]]]:
    end = NOON + seconds * SECOND
    found = state_runs.read(names, NOON, end, gap=30, within=within, now=end)
    return {name: [_in_seconds(run) for run in each] for name, each in found["fields"].items()}


def _in_seconds(run: Run) -> tuple[str | None, int, int, int]:
    return run.value, (run.start - START) // 1_000, (run.end - START) // 1_000, run.events


def test_a_value_holds_until_the_next_event_has_another_and_a_gap_is_a_gap(site: Deployment) -> None:
    cache.clear()
    key = 'do"or'
    send(
        (-10, {"mode": "idle", key: {"open": True}}), (10, {"mode": "idle"}), (20, {"mode": "run", key: {"open": True}}),
        (30, {"mode": "run", key: {"open": False}}), (300, {"mode": "run"}), (310, {"mode": None}), (320, {"mode": ["x"]}),
        (330, {"mode": 7}),
    )  # fmt: skip
    send((15, {"mode": "secret"}), source="other")

    found = runs("mode", f"{key}.open", "none", seconds=340)

    assert found == {
        # What held before the range holds into it; null and lists are no state.
        "mode": [("idle", 0, 20, 2), ("run", 20, 30, 2), ("run", 300, 310, 1), ("7", 330, 340, 1)],
        f"{key}.open": [("true", 0, 30, 2), ("false", 30, 30, 1)],
        "none": [],
    }
    assert runs("mode", within=ReadScope(frozenset()))["mode"] == []


def test_a_field_that_comes_seldom_has_no_gaps_and_rare_values_are_one(site: Deployment) -> None:
    cache.clear()
    send(*((600 * number, {"shift": "abc"[number % 3]}) for number in range(6)))
    send(*((n, {"serial": f"{n // 2:02}" if n < 2 * state_runs.TOP else str(n)}) for n in range(20)))

    found = runs("shift", "serial", seconds=3_600)

    assert [run[0] for run in found["shift"]] == list("abcabc")
    assert found["shift"][1] == ("b", 600, 1_200, 1)
    assert [run[0] for run in found["serial"]] == ["00", "01", "02", "03", "04", "05", None]
    assert found["serial"][-1][3] == 20 - 2 * state_runs.TOP


def test_of_more_events_than_are_read_each_span_has_its_first(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(state_runs, "MAX_EVENTS", 50)
    monkeypatch.setattr(state_runs, "SAMPLES", 10)
    monkeypatch.setattr(state_runs, "EACH", 2)
    send(*((second, {"mode": "idle" if second < 50 else "run"}) for second in range(100)))

    found = state_runs.read(["mode"], NOON, NOON + 100 * SECOND, gap=1, within=OWN, now=NOON + HOUR)

    assert found["sampled"] == 10.0
    assert [(run.value, run.events) for run in found["fields"]["mode"]] == [("idle", 10), ("run", 10)]
