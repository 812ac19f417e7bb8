"""The comparison with a peer: the same counts for both, ratios of the same run, packages in an environment of their own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.bench.__main__ import ASKED_FOR, _default
from deploy.bench.figures import medians, table
from deploy.bench.load.events import make_events
from deploy.bench.peers import environment
from deploy.bench.peers.comparison import CASES, PEER, PRODUCT, TURNS, Run, costs, figures, mean
from deploy.bench.peers.programs.stores import document, row
from deploy.bench.stores import NotExact, check
from deploy.local import bootstrap

SPEED = {"events/s acknowledged": 4_000.0, "ms p50": 8.0}


def test_a_run_without_only_leaves_the_peer_out() -> None:
    assert "peers" in ASKED_FOR
    assert "peers" not in _default()
    assert "endtoend" in _default()


def test_an_events_cost_is_that_of_each_process_and_of_all_together() -> None:
    assert costs({"ingest": 2.0, "Kafka": 1.0}, 100_000) == {
        "us/event all": 30.0,
        "us/event ingest": 20.0,
        "us/event Kafka": 10.0,
    }


def test_the_ratios_are_the_products_figures_divided_by_the_peers() -> None:
    half = {"events/s acknowledged": 2_000.0, "ms p50": 16.0}
    runs = {PRODUCT: Run(SPEED, {"us/event all": 30.0}), PEER: Run(half, {"us/event all": 40.0})}

    *_, ratio = figures(CASES[0], runs)

    assert ratio.values == {"x acknowledged": 2.0, "x p50": 0.5, "x CPU": 0.75}


def test_both_pipelines_have_early_and_late_turns() -> None:
    places = {who: [place for place, turn in enumerate(TURNS) if turn == who] for who in (PRODUCT, PEER)}

    assert sum(places[PRODUCT]) == sum(places[PEER])
    assert mean([Run(SPEED, {"us/event all": 30.0}), Run(SPEED, {"us/event all": 40.0})]).cost == {"us/event all": 35.0}


def test_each_case_has_lines_of_its_own_in_the_table() -> None:
    runs = dict.fromkeys((PRODUCT, PEER), Run(SPEED, {"us/event all": 30.0}))

    lines = [figure for case in CASES for figure in figures(case, runs)]

    assert medians([lines, lines]) == lines
    assert len(table(lines).splitlines()) == 2 + len(lines)


@pytest.mark.parametrize("documents", [99, 101])
def test_a_result_is_refused_if_a_store_holds_more_or_less_than_was_sent(documents: int) -> None:
    check({"rows": 100, "documents": 100}, 100)

    with pytest.raises(NotExact, match=str(documents)):
        check({"rows": 100, "documents": documents}, 100)


def test_the_peer_stores_the_whole_event_in_both_stores() -> None:
    event = {"id": "7d5c…", **json.loads(next(make_events(1, prefix="sensor")))}

    stored = document(event)

    assert row(event)[:3] == ("7d5c…", "sensor-0", event["timestamp"])
    assert json.loads(row(event)[3]) == stored["payload"] == event["payload"]
    assert stored["_id"] == "7d5c…"
    assert stored["timestamp"] == datetime.fromisoformat(event["timestamp"]).astimezone(UTC)


def test_the_peers_packages_are_installed_outside_the_products_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    installed: list[list[str]] = []

    def run_pip(command: list[str], _env: dict[str, str]) -> int:
        print("Downloading")
        installed.append(command)
        return 0

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # An environment with pip takes eight seconds.
    monkeypatch.setattr(bootstrap, "_make_environment", lambda folder: folder.mkdir(parents=True, exist_ok=True))
    monkeypatch.setattr(bootstrap, "_install_quickly", lambda *_: False)
    monkeypatch.setattr(bootstrap, "_show_downloads", run_pip)

    first, again = environment.ensure(), environment.ensure()

    assert first == again
    assert first.is_relative_to(tmp_path)
    [command] = installed
    assert command[0] == str(first)
    assert command[-2:] == ["-r", environment.REQUIREMENTS]
    # Standard output may be read as JSON.
    assert capfd.readouterr().out == ""
