from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.faults import table
from deploy.faults.recording import NOT_RUN, line


def result(**changes: Any) -> dict[str, Any]:
    counted = {"events": 1_000, "lost": 0, "phantom": 0, "doubled": 0, "recovery": 1.5}
    known = {"file": "test_kafka", "fault": "test_kafka_stops", "at": "", "seed": 1, "outcome": "passed", "duration": 9}
    return {**known, **counted, **changes}


def test_the_page_has_one_row_for_each_fault_with_its_seeds_and_sums() -> None:
    results = [
        result(),
        result(seed=2, recovery=2.5, events=500),
        result(seed=2, fault="test_other", at="SIGKILL poll"),
    ]

    page = table.render(results, machine="a machine")

    assert "| kafka stops | 1, 2 | 1,500 | 0 | 0 | 0 | 2.5, 2.5 |" in page
    assert "| other (SIGKILL poll) | 2 | 1,000 | 0 | 0 | 0 | 1.5, 1.5 |" in page
    assert "a machine. 3 of 3 tests ran, 0 failed" in page
    assert table.all_well(results)


def test_what_failed_or_was_left_out_says_so() -> None:
    failed = {**result(seed=1, outcome="failed"), "lost": 3}
    skipped = {"file": "test_clock", "fault": "test_clocks", "at": "", "seed": 1, "outcome": "skipped", "duration": 0}

    page = table.render([failed, skipped], machine="a machine")

    assert "| clocks | skipped: 1 | – | – | – | – | – |" in page
    assert "| kafka stops | failed: 1 | 1,000 | 3 | 0 | 0 | 1.5, 1.5 |" in page


def test_an_interrupted_run_says_how_much_of_it_ran_and_what_failed() -> None:
    planned = [
        {"file": "test_kafka", "fault": "test_kafka_stops", "at": "", "seed": seed, "outcome": NOT_RUN, "duration": 0}
        for seed in (1, 2, 3)
    ]

    results = table.parse(map(json.dumps, [*planned, result(), result(seed=2, outcome="failed")]))
    page = table.render(results, machine="a machine")

    assert "**The run was interrupted: this table is not whole.** 2 of 3 tests ran, 1 failed" in page
    assert "**Failed:** kafka stops, seed 2." in page
    assert "| kafka stops | 1, failed: 2, not run: 3 | 2,000 | 0 | 0 | 0 | 1.5, 1.5 |" in page
    assert not table.all_well(results)


def test_each_run_replaces_its_own_part_of_the_page() -> None:
    faults = table.render([result()], machine="one machine")
    clusters = table.render([result(fault="test_broker")], machine="another", head=table.CLUSTER_HEAD)

    page = table.replace_part(table.replace_part("", faults), clusters)
    newer = table.replace_part(page, table.render([result(seed=7)], machine="one machine"))
    newest = table.replace_part(
        newer, table.render([result(fault="test_mongo")], machine="another", head=table.CLUSTER_HEAD)
    )

    assert page == f"{faults}\n{clusters}"
    assert newer.startswith("# Faults")
    assert "| kafka stops | 7 |" in newer
    assert newer.endswith(f"\n\n{clusters}")
    assert "| kafka stops | 7 |" in newest
    assert "| mongo | 1 |" in newest
    assert "| broker |" not in newest


@pytest.mark.parametrize(
    ("name", "fault", "at", "seed"),
    [
        ("test_x[seed-3-SIGKILL-after send]", "test_x", "SIGKILL after send", 3),
        ("test_x[seed-1]", "test_x", "", 1),
        ("test_x", "test_x", "", None),
        ("test_x[write_rows]", "test_x", "write_rows", None),
    ],
)
def test_a_seed_is_told_from_the_other_parameters(name: str, fault: str, at: str, seed: int | None) -> None:
    report = pytest.TestReport(
        f"processing/tests/faults/test_y.py::{name}", (str(Path("test_y.py")), 1, name), {}, "passed", None, "call"
    )

    assert {**line(report), "duration": 0}.items() >= {"file": "test_y", "fault": fault, "at": at, "seed": seed}.items()
