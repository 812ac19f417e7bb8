"""A line on which our own steps fail becomes a dead letter, all others are stored.

A bug that no event triggers waits for an upgrade.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from deploy.testing.deployment import Deployment
from ingestion.kafka import record_decoder
from processing.consumer import bisection, retry, steps
from processing.consumer.work import Step, StepResult, Stores, Work
from processing.models import DeadLetter, Hold, Incident
from processing.tests import expectations, factories
from processing.tests.consumer_thread import running_loop
from processing.tests.expectations import Expected
from processing.tests.factories import NOON, event_id, line
from processing.tests.reference_rollups import Sent

pytestmark = pytest.mark.services

POISON = b'{"poison":1}'


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)


@pytest.mark.parametrize(
    ("phase", "step", "stage"),
    [
        ("PREPARE", "process", "process"),
        pytest.param("STORE", "claim", "rows", marks=pytest.mark.faults),
        ("STORE", "write_documents", "documents"),
        ("STORE", "write_rows", "rows"),
        pytest.param("STORE", "judge_identity", "documents", marks=pytest.mark.faults),
        pytest.param("STORE", "add_up", "rows", marks=pytest.mark.faults),
    ],
)
def test_a_line_that_a_step_fails_on_becomes_a_letter_and_the_rest_is_stored(
    site: Deployment, monkeypatch: pytest.MonkeyPatch, phase: str, step: str, stage: str
) -> None:
    expected = Expected()
    fail(monkeypatch, phase, step, on=holds_poison)
    put_good(site, expected, 1, 2)
    factories.put(site.raw_topic, good(3), line(4, POISON), good(5), line(6, b"{"), line(7, POISON, source="sensor-2"))
    factories.put(site.raw_topic, line(8, POISON))
    put_good(site, expected, 9)
    expect(expected, 3, 5)
    expected.letters += {("sensor-1", "internal_error"): 2, ("sensor-2", "internal_error"): 1, ("", "not_json"): 1}

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 60)

    expectations.assert_exact(site, expected)
    letters = list(DeadLetter.objects.filter(reason="internal_error").order_by("offset", "line"))
    assert [(one.offset, one.line, str(one.event_id), one.stage) for one in letters] == [
        (1, 1, event_id(4), stage),
        (1, 4, event_id(7), stage),
        (2, 0, event_id(8), stage),
    ]
    assert bytes(letters[0].raw) == line(4, POISON)
    assert "KeyError" in letters[0].detail
    assert "some value" not in letters[0].detail


def test_a_record_that_decoding_fails_on_is_one_letter(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Expected()
    fail_decoding(monkeypatch)
    put_good(site, expected, 1)
    factories.put(site.raw_topic, good(2), line(3, POISON))
    factories.put(site.raw_topic, POISON, headers=[])
    put_good(site, expected, 4)
    expected.letters["", "internal_error"] += 2

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 60)

    expectations.assert_exact(site, expected)
    letters = DeadLetter.objects.order_by("offset")
    assert [(one.offset, one.line, bytes(one.raw), one.stage) for one in letters] == [
        (1, 0, good(2) + b"\n" + line(3, POISON), "decode"),
        (2, 0, POISON, "decode"),
    ]


def test_the_copy_of_an_event_that_fails_is_stored(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Expected()
    fail(monkeypatch, "STORE", "judge_identity", on=lambda work: any(e.offset == 0 for e in work.batch.entries))
    factories.put(site.raw_topic, good(1))
    put_good(site, expected, 1)
    expected.letters["sensor-1", "internal_error"] += 1

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 60)

    expectations.assert_exact(site, expected)


def test_a_bug_that_every_event_meets_holds_the_partition(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, "STORE", "write_rows", on=holds_poison)
    for start in range(0, 600, 20):
        # Of twelve sources: what one source alone meets does not stop the others.
        poisoned = (line(number, POISON, source=f"sensor-{number % 12}") for number in range(start, start + 20))
        factories.put(site.raw_topic, *poisoned)
    factories.put(site.raw_topic, good(1_000), partition=1)

    with running_loop():
        site.wait_for(Hold.objects.exists, 90)

    assert DeadLetter.objects.count() == 200
    assert expectations.progress(site)[0] == 10
    assert expectations.differences() == []


def test_a_stored_event_keeps_its_document_when_its_redelivery_meets_a_bug(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Expected()
    factories.put(site.raw_topic, line(1, POISON))
    expected.add([Sent("sensor-1", event_id(1), NOON, {"poison": 1})])
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)
    call_command("offsets", "reset", "--to", "earliest", stdout=StringIO())
    put_good(site, expected, 2)

    fail(monkeypatch, "PREPARE", "process", on=holds_poison)
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)

    expectations.assert_exact(site, expected)


@pytest.mark.faults
def test_more_offenders_than_one_search_takes_are_all_set_aside(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Expected()
    monkeypatch.setattr(bisection, "MOST", 3)
    fail(monkeypatch, "STORE", "write_rows", on=holds_poison)
    for partition in (0, 1):
        for number in range(partition * 20, partition * 20 + 16, 4):
            lines = [good(number), line(number + 1, POISON), good(number + 2), good(number + 3)]
            factories.put(site.raw_topic, *lines, partition=partition)
            expect(expected, number, number + 2, number + 3)
    expected.letters["sensor-1", "internal_error"] += 8

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 60)
        site.wait_for(lambda: expectations.all_committed(site), 30)

    expectations.assert_exact(site, expected)


def test_a_bug_while_publishing_waits_and_is_an_incident(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Expected()
    broken = threading.Event()
    broken.set()
    fail(monkeypatch, "DELIVER", "publish", on=lambda _work: broken.is_set())
    put_good(site, expected, 1, 2)

    with running_loop() as loop:
        site.wait_for(lambda: Incident.objects.filter(kind="operator", until=None).exists(), 30)
        site.wait_for(lambda: loop.state.waiting, 30)
        broken.clear()
        site.wait_for(lambda: expectations.all_committed(site), 30)
        site.wait_for(lambda: not Incident.objects.filter(until=None).exists(), 30)

    expectations.assert_exact(site, expected)
    assert Incident.objects.count() == 1


def test_a_bug_that_no_record_meets_alone_waits(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Expected()
    broken = threading.Event()
    broken.set()
    fail(monkeypatch, "STORE", "add_up", on=lambda work: broken.is_set() and len(work.batch.records) > 1)
    put_good(site, expected, 1)
    put_good(site, expected, 2)

    with running_loop():
        found = site.wait_for(lambda: list(Incident.objects.filter(kind="operator")), 30)
        broken.clear()
        site.wait_for(lambda: expectations.caught_up(site), 30)

    expectations.assert_exact(site, expected)
    assert "no record alone" in found[0].detail


def put_good(site: Deployment, expected: Expected, *numbers: int) -> None:
    factories.put(site.raw_topic, *map(good, numbers))
    expect(expected, *numbers)


def expect(expected: Expected, *numbers: int) -> None:
    expected.add(Sent("sensor-1", event_id(number), NOON, {"n": number}) for number in numbers)


def good(number: int) -> bytes:
    return line(number, b'{"n":%d}' % number)


def holds_poison(work: Work) -> bool:
    return any(entry.payload == POISON for entry in work.batch.entries)


def fail(monkeypatch: pytest.MonkeyPatch, phase: str, name: str, *, on: Callable[[Work], bool]) -> None:
    """Let a step fail after it was done, as a bug near its end would."""
    before: list[Step] = getattr(steps, phase)
    [step] = [step for step in before if step.__name__ == name]

    def failing(stores: Stores, work: Work) -> StepResult:
        result = step(stores, work)
        if on(work):
            raise KeyError("some value")
        return result

    failing.__name__ = name
    monkeypatch.setattr(steps, phase, [failing if one is step else one for one in before])


def fail_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = record_decoder.decode

    def failing(value: bytes | None, *arguments: Any, **named: Any) -> Any:
        if POISON in (value or b""):
            raise KeyError("some value")
        return decode(value, *arguments, **named)

    monkeypatch.setattr(record_decoder, "decode", failing)
