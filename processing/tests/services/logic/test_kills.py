"""A consumer that is killed between any two steps, and a change of logic before its successor, leave exact stores."""

from __future__ import annotations

from itertools import count

import pytest

from deploy.testing.deployment import Deployment
from processing.consumer import loop, steps
from processing.models import Event
from processing.recovery.reconcile import reconcile, report_text
from processing.tests import factories, logic_revisions
from processing.tests.kill_rounds import KillRounds, consume_the_rest, kill_after
from processing.tests.logic_revisions import rule

pytestmark = pytest.mark.services

SAMPLES = ("write_documents",)  # the others are left to `make faults`
STEPS = [step.__name__ for step in (*steps.PREPARE, *steps.STORE, *steps.DELIVER, *loop.FINISH)]
EVENTS = 300

_numbers = count()


@pytest.fixture(name="rounds", scope="module")
def _rounds(module_site: Deployment) -> KillRounds:
    return KillRounds(module_site, "")


@pytest.mark.parametrize(
    "step",
    [
        step if step in SAMPLES else pytest.param(step, marks=pytest.mark.faults)
        for step in (*STEPS, "letters", "transaction")
    ],
)
@pytest.mark.parametrize("careful", [False, pytest.param(True, marks=pytest.mark.faults)], ids=["plain", "careful"])
def test_a_kill_and_a_change_of_logic_leave_exact_stores(rounds: KillRounds, step: str, *, careful: bool) -> None:
    logic_revisions.use(
        rule("fives", "drop", when="n % 5 == 0"),
        rule("sevens", 'reject "seven"', when="n % 7 == 0"),
        rule("first", "set made = n + 0.5", "tag first"),
    )
    before = Event.objects.count()
    numbers = [next(_numbers) for _ in range(EVENTS)]
    factories.put_events(rounds.site.raw_topic, *map(event, numbers))

    kill_after(rounds, step, careful=careful)
    logic_revisions.use(
        rule("threes", "drop", when="n % 3 == 0"), rule("second", "set made = n * 2", when="n % 2 == 0")
    )
    consume_the_rest(rounds)

    first = sum(1 for n in numbers if n % 5 and n % 7)
    second = sum(1 for n in numbers if n % 3)
    assert Event.objects.count() - before in (first, second)
    report = reconcile.run()
    assert report.ok, report_text.render(report)
    logic_revisions.assert_rows_are_as_interpreted()


def event(number: int) -> dict[str, object]:
    return {
        "sourceId": f"killed-{number % 5}",
        "timestamp": f"2026-03-{1 + number // 24 % 28:02}T{number % 24:02}:00:00Z",
        "payload": {"n": number},
    }
