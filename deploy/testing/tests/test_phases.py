"""`make test` leaves out no test but those of `make faults` and `make thorough`, and fails with any of its phases."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

import pytest
from _pytest.mark.expression import Expression, ExpressionMatcher

from deploy.local.processes import ROOT
from deploy.testing import phases

MARKS = ("alone", "browser", "faults", "thorough", "services")
FAILS_WITH = "import sys; sys.exit({} if {!r} in sys.argv else 0)"


def expression(words: Sequence[str]) -> Expression:
    return Expression.compile(words[words.index("-m") + 1])


def has(marks: set[str]) -> ExpressionMatcher:
    def matches(name: str, /, **_: str | int | bool | None) -> bool:
        return name in marks

    return matches


def test_each_test_is_in_one_phase() -> None:
    usual = [expression(words) for words in (phases.parallel("3"), phases.browser(), phases.alone())]
    thorough = [expression(words) for words in (phases.thorough("3"), phases.thorough_browser())]

    for number in range(len(MARKS)):
        for marks in map(set, itertools.combinations(MARKS, number)):
            if "faults" in marks or marks.issuperset({"alone", "browser"}):
                continue
            found, others = thorough if "thorough" in marks else usual, usual if "thorough" in marks else thorough
            assert sum(each.evaluate(has(marks)) for each in found) == 1, marks
            assert not any(each.evaluate(has(marks)) for each in others), marks


@pytest.mark.parametrize("mark", ["alone", "browser"])
def test_a_phase_finds_every_file_with_its_mark(mark: str) -> None:
    found = phases.files(mark)

    assert found
    assert all((ROOT / file).is_file() for file in found)
    assert set(found) == {
        str(file.relative_to(ROOT))
        for root in ("dataflow_site", "dashboard", "queries", "processing", "ingestion", "deploy")
        for file in (ROOT / root).rglob("test_*.py")
        if f"mark.{mark}" in file.read_text()
    }


@pytest.mark.parametrize("failing", [phases.parallel("3")[-1], phases.alone()[3], phases.browser()[3]])
def test_the_run_fails_with_any_phase(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    monkeypatch.setattr(phases, "PYTEST", (sys.executable, "-c", FAILS_WITH.format(7, failing)))
    monkeypatch.setattr(sys, "argv", ["phases", "3"])
    monkeypatch.setattr(phases, "files", lambda mark: [])

    assert phases.main() == 7


@pytest.mark.parametrize("failing", [phases.thorough("3")[-1], phases.thorough_browser()[1]])
def test_the_thorough_run_fails_with_any_phase(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    monkeypatch.setattr(phases, "PYTEST", (sys.executable, "-c", FAILS_WITH.format(7, failing)))
    monkeypatch.setattr(sys, "argv", ["phases", "3", "--thorough"])
    monkeypatch.setattr(phases, "files", lambda mark: [])

    assert phases.main() == 7


def test_what_the_browser_s_phase_says_is_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = "import sys; print('seen in a browser' if 'browser and not thorough' in sys.argv else '')"
    monkeypatch.setattr(phases, "PYTEST", (sys.executable, "-c", script))
    monkeypatch.setattr(sys, "argv", ["phases", "3"])

    assert phases.main() == 0
    assert "seen in a browser" in capfd.readouterr().out
