"""How spans wait to be sent: few at a time, soon, never too many, and without holding up anyone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import REGISTRY

from ingestion.spans import outbox
from ingestion.spans.outbox import Bounds, Outbox

SOON = 10.0  # seconds, on a busy machine
FAR = 3_600.0


class Receiver:
    """Takes spans if it is told to."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.answers: list[bool] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.is_asked = threading.Event()

    def take(self, spans: list[Span]) -> bool:
        self.is_asked.set()
        assert self.may_answer.wait(SOON)
        self.requests.append([span.name for span in spans])
        return self.answers.pop(0) if self.answers else True

    def names(self) -> list[str]:
        return [name for names in self.requests for name in names]


@contextmanager
def opened(receiver: Receiver, bounds: Bounds) -> Iterator[Outbox]:
    made = Outbox(receiver.take, bounds)
    try:
        yield made
    finally:
        receiver.may_answer.set()
        made.close()


def until_sent(receiver: Receiver, count: int) -> None:
    ends = time.monotonic() + SOON
    while len(receiver.names()) < count and time.monotonic() < ends:
        time.sleep(0.002)
    assert receiver.names() == [str(number) for number in range(count)]


def add(to: Outbox, start: int, stop: int) -> None:
    for number in range(start, stop):
        to.add(Span(name=str(number)))


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("ingestion_spans_dropped_total", {"reason": reason}) or 0.0


def test_few_spans_are_sent_after_the_delay_and_many_at_once_in_bounded_requests() -> None:
    receiver = Receiver()
    with opened(receiver, Bounds(delay=0.01)) as few:
        add(few, 0, 3)
        until_sent(receiver, 3)

    receiver = Receiver()
    with opened(receiver, Bounds(together=10, delay=FAR)) as many:
        receiver.may_answer.clear()
        add(many, 0, 10)
        assert receiver.is_asked.wait(SOON)
        add(many, 10, 35)
        receiver.may_answer.set()
        until_sent(receiver, 35)

    assert max(map(len, receiver.requests)) <= 10


def test_spans_past_the_bound_are_dropped_and_counted_and_nobody_waits() -> None:
    receiver = Receiver()
    before = dropped("queue")
    with opened(receiver, Bounds(waiting=10, together=10, delay=FAR)) as full:
        receiver.may_answer.clear()
        add(full, 0, 10)
        assert receiver.is_asked.wait(SOON)
        add(full, 10, 20)
        began = time.monotonic()
        add(full, 20, 1_000)

        assert dropped("queue") - before == 980
        assert time.monotonic() - began < 1
        receiver.may_answer.set()
        until_sent(receiver, 20)


def test_the_last_spans_are_sent_at_the_end_and_a_silent_receiver_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver = Receiver()
    with opened(receiver, Bounds(delay=FAR)) as last:
        add(last, 0, 3)
    assert receiver.names() == ["0", "1", "2"]

    monkeypatch.setattr(outbox, "FAREWELL", 0.1)
    silent = Receiver()
    silent.may_answer.clear()
    with opened(silent, Bounds(delay=FAR)) as last:
        add(last, 0, 3)
        began = time.monotonic()
        last.close()
        assert time.monotonic() - began < 1


def test_refusals_are_logged_once_until_spans_are_taken_again(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    receiver.answers = [False, False, True, True, False]
    before = dropped("receiver")
    caplog.set_level("INFO", outbox.logger.name)
    with opened(receiver, Bounds(together=1, delay=FAR)) as sending:
        for number in range(5):
            add(sending, number, number + 1)
            until_sent(receiver, number + 1)

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert dropped("receiver") - before == 3
