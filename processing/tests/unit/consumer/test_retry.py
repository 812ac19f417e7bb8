"""How often what fails is repeated, and what is done meanwhile; without servers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

import pytest

from processing.consumer import retry
from processing.consumer.operator_incident import OperatorIncident
from processing.consumer.retry import ConsumerStopping, Retrier
from processing.errors import LostRace, NeedsOperator, StoreUnavailable


class Bell:
    """Stands for the alarm."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.stilled = 0

    def open(self, failure: NeedsOperator) -> None:
        self.rung.append(str(failure))

    def close(self) -> None:
        self.stilled += 1


class Act:
    """Fails in these ways, one after the other, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.tries = 0

    def __call__(self) -> None:
        self.tries += 1
        if self._failures:
            raise self._failures.pop(0)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The reasons for waiting, as they are told."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.0)
    return []


@pytest.fixture
def be_patient(bell: Bell, waits: list[str | None]) -> Callable[..., None]:
    return Retrier(threading.Event(), waits.append, lambda: None, cast("OperatorIncident", bell)).run


def test_a_store_that_is_away_is_waited_for_without_an_alarm(
    be_patient: Callable[..., None], bell: Bell, waits: list[str | None]
) -> None:
    act = Act(StoreUnavailable("MongoDB: AutoReconnect"), StoreUnavailable("MongoDB: AutoReconnect"))

    be_patient(act)

    assert waits == ["MongoDB: AutoReconnect", "MongoDB: AutoReconnect", None]
    assert (bell.rung, bell.stilled) == ([], 0)


def test_a_lost_race_is_repeated_at_once_but_not_for_ever(
    be_patient: Callable[..., None], waits: list[str | None]
) -> None:
    be_patient(Act(*(LostRace("PostgreSQL: DeadlockDetected") for _ in range(4))))

    assert waits == ["PostgreSQL: DeadlockDetected", "PostgreSQL: DeadlockDetected", None]


def test_what_needs_an_operator_rings_at_every_try_and_is_stilled_once_it_works(
    be_patient: Callable[..., None], bell: Bell
) -> None:
    be_patient(Act(NeedsOperator("no such table"), NeedsOperator("no such table")))

    assert (bell.rung, bell.stilled) == (["no such table", "no such table"], 1)


def test_a_bug_is_tried_three_times_and_then_mended(be_patient: Callable[..., None], bell: Bell) -> None:
    act, recovery = Act(KeyError("a"), KeyError("b"), KeyError("c")), Act()

    be_patient(act, recover=recovery)

    assert (act.tries, recovery.tries, bell.rung) == (4, 1, [])


def test_a_bug_that_passes_by_itself_is_not_looked_for(be_patient: Callable[..., None]) -> None:
    act, recovery = Act(KeyError("a"), KeyError("b")), Act()

    be_patient(act, recover=recovery)

    assert (act.tries, recovery.tries) == (3, 0)


def test_a_bug_that_can_not_be_mended_waits_for_an_operator(be_patient: Callable[..., None], bell: Bell) -> None:
    act, recovery = Act(*(KeyError(text) for text in "abc")), Act(NeedsOperator("no record alone"))

    be_patient(act, recover=recovery)

    assert (act.tries, recovery.tries, bell.rung) == (4, 2, ["no record alone"])


def test_without_a_way_to_mend_it_a_bug_waits_for_an_operator(be_patient: Callable[..., None], bell: Bell) -> None:
    be_patient(Act(*(KeyError("some value") for _ in range(5))))

    assert bell.rung == ["bug: KeyError; the log has more"] * 5


def test_a_process_that_is_to_end_gives_up(bell: Bell) -> None:
    stopping = threading.Event()
    stopping.set()
    patient = Retrier(stopping, lambda _reason: None, lambda: None, cast("OperatorIncident", bell))

    with pytest.raises(ConsumerStopping):
        patient.run(Act(StoreUnavailable("Kafka")))
