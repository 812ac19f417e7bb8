"""A consumer that is killed between any two steps leaves exact stores to its successor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.testing.deployment import Deployment
from processing.consumer import loop, steps
from processing.models import DeadLetter
from processing.tests import expectations
from processing.tests.kill_rounds import KillRounds, consume_the_rest, kill_after, send_round

pytestmark = pytest.mark.services

SAMPLES = ("publish",)  # the others are left to `make faults`
STEPS = [step.__name__ for step in (*steps.PREPARE, *steps.STORE, *steps.DELIVER, *loop.FINISH)]


@pytest.fixture(scope="module")
def rounds(module_site: Deployment) -> Iterator[KillRounds]:
    rounds = KillRounds(module_site, module_site.start_ingest().url)
    yield rounds
    rounds.redrive._outlet.close()


@pytest.mark.parametrize(
    "step",
    [
        step if step in SAMPLES else pytest.param(step, marks=pytest.mark.faults)
        for step in (*STEPS, "letters", "transaction")
    ],
)
def test_a_kill_after_any_step_leaves_exact_stores(rounds: KillRounds, step: str) -> None:
    send_round(rounds)

    kill_after(rounds, step)
    consume_the_rest(rounds)

    expectations.assert_exact(rounds.site, rounds.expected)
    assert_closed_once()


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=pytest.mark.faults) for step in ("write_rows", "write_documents", "add_up")]
)
def test_a_kill_on_the_careful_path_leaves_exact_stores(rounds: KillRounds, step: str) -> None:
    send_round(rounds)

    kill_after(rounds, step, careful=True)
    consume_the_rest(rounds)

    expectations.assert_exact(rounds.site, rounds.expected)
    assert_closed_once()


@pytest.mark.faults
def test_what_the_first_consumer_ever_stored_is_published_though_it_was_killed(site: Deployment) -> None:
    rounds = KillRounds(site, site.start_ingest().url)
    send_round(rounds)

    kill_after(rounds, "transaction")
    consume_the_rest(rounds)

    expectations.assert_exact(rounds.site, rounds.expected)


def assert_closed_once() -> None:
    """No letter is left on its way, and none was closed twice."""
    redriven = DeadLetter.objects.filter(sent_at__isnull=False).order_by("id")
    kinds = [list(letter.actions.values_list("kind", flat=True)) for letter in redriven]
    assert [letter.state for letter in redriven] == ["stored"] * len(redriven)
    assert kinds == [["edited", "stored"]] * len(redriven)
