"""What the table says of the answers: percentiles, limits, and that an answer which is not there reaches nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from deploy.bench.queries import asking, crowd
from deploy.bench.queries.client import Answer, Client, Seen
from deploy.bench.queries.deployment import NotFilled, filled
from deploy.bench.queries.lines import Limit, Line, quantiles, table
from deploy.bench.queries.questions import QUESTIONS
from deploy.local.processes import ROOT

FAST = (Limit("ms p95", most=30),)


def test_a_line_is_reached_if_every_limit_is_kept() -> None:
    rate = Limit("rows/s", least=100)

    assert Line("a", "", {"ms p95": 30.0, "rows/s": 100.0}, limits=(*FAST, rate)).is_reached
    assert not Line("a", "", {"ms p95": 30.1, "rows/s": 100.0}, limits=(*FAST, rate)).is_reached
    assert not Line("a", "", {"ms p95": 30.0, "rows/s": 99.0}, limits=(*FAST, rate)).is_reached
    assert Line("a", "", {}, {"ms p95": 2.0}, FAST).is_reached
    assert Line("a", "", {"ms p95": 2.0}).is_reached is None


def test_an_answer_that_is_not_there_reaches_nothing_however_fast_it_is() -> None:
    assert Line("a", "404: 100", {"ms p95": 1.0}, limits=FAST, is_served=False).is_reached is False
    assert Line("a", "", {}, limits=FAST).is_reached is False


def test_the_table_shows_what_was_measured_and_what_was_to_be_reached() -> None:
    lines = table([Line("page", "200: 9", {"ms p95": 31.5}, {"ms web": 4.0}, FAST)]).splitlines()

    assert lines[2] == "| page | 200: 9 | p95 31.5 ms | web 4 ms | p95 ≤ 30 ms | **no** |"


def test_percentiles_are_those_of_the_requests_in_milliseconds() -> None:
    assert quantiles([number / 1000 for number in range(100, 0, -1)]) == {"ms p50": 51, "ms p95": 96, "ms p99": 100}


def test_answers_are_counted_by_status_and_cache() -> None:
    seen = Seen()
    for cache, database in (("hit", None), ("hit", 1.0), ("miss", 3.0)):
        seen.add(Answer(200, 0.1, b"", cache, database))

    assert seen.in_words("code") == "200: 3, hit: 2, miss: 1 (code)"
    assert seen.database_time() == {"ms db;dur": 2.0}


def test_the_command_starts_without_anything_in_its_environment() -> None:
    command = [sys.executable, "-m", "deploy.bench.queries", "--help"]
    shown = subprocess.run(
        command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )

    assert all(name in shown.stdout for name in ("--keep", "--use", "--rows", "pipeline", "ingest"))


@pytest.fixture(name="folder")
def _folder() -> Iterator[Path]:
    # Not pytest's own: each start of pytest takes back the right to pass through it, which PostgreSQL's user needs.
    with tempfile.TemporaryDirectory(prefix="dataflow-test-") as name:
        yield Path(name) / "kept"


@pytest.mark.services
@pytest.mark.thorough
def test_a_kept_folder_is_measured_again_without_filling(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "SECONDS", 0.5)
    with filled(rows=12_000, days=10, keep=folder, use=None) as first:
        page = replace(QUESTIONS["source"], requests=5)
        [line] = asking.ask(first, page)
        walks = list(asking.walk(first))
        alone, at_once = crowd.measure(first)

    with filled(rows=1, days=1, keep=None, use=folder) as again:
        event, unknown = (
            next(asking.ask(again, replace(QUESTIONS[name], requests=3))) for name in ("event", "unknown")
        )
        asked = {name: list(islice(each.paths(again), 60)) for name, each in QUESTIONS.items()}
        client = Client(again.stack.web_port, again.token)
        latest = json.loads(client.get(asked["latest500"][0]).body)
        client.close()
        with again.stack.stores.connect() as connection:
            sources = [source for (source,) in connection.execute("SELECT source_id FROM source ORDER BY 1")]

    assert line.answers.split(", ")[0] == "200: 5"
    assert "hit" not in line.answers
    assert line.values["ms p95"] > 0 < line.server["ms web"]
    # In pages of 100, of which the first is not counted.
    assert walks[0].answers.split(", ")[0] == f"200: {-(-first.events // 100) - 1}"
    assert alone.is_served
    assert at_once.is_served
    assert (event.answers.split(", ")[0], event.is_served) == ("200: 3", True)
    assert (unknown.answers.split(", ")[0], unknown.is_served) == ("404: 3 (not_found)", True)
    assert ([each["sourceId"] for each in latest["results"]], latest["missing"]) == (sources, 0)
    assert again.events == first.events
    assert again.history.now - again.history.begins == timedelta(days=10)
    repeated = {name for name, paths in asked.items() if len(set(paths)) < len(paths)}
    assert repeated == {"pipeline", "cached", "cached-hours"}
    with pytest.raises(NotFilled, match="filled already"), filled(rows=1, keep=folder, use=None):
        pass
