"""Which batches are traced, and what their spans say."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingestion.spans import current
from ingestion.spans.tracer import Tracer
from ingestion.tracing.traceparent import MAX_LINKS
from processing.consumer.measuring import batch_spans
from processing.consumer.measuring.step_clock import StepClock
from processing.events.batch import Record
from processing.tests.factories import record

YES, NO = (b"00-%032x-00f067aa0ba902b7-%02x" % (9, flags) for flags in (1, 0))


class Kept(NamedTuple):
    """Keeps spans in place of sending them."""

    spans: list[Span]

    def add(self, span: Span) -> None:
        self.spans.append(span)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    outbox = Kept([])
    monkeypatch.setattr(current, "tracer", Tracer(outbox, per_second=0))  # type: ignore[arg-type]
    return outbox.spans


def traced(*traces: bytes, offset: int = 0) -> Record:
    return record(offset=offset, headers=[("traceparent", trace) for trace in traces])


def test_a_batch_is_traced_if_one_of_its_requests_is_and_else_nothing_is_measured(kept: list[Span]) -> None:
    assert batch_spans.begin([traced(), traced(NO), traced(b"bent")]) is None
    assert batch_spans.begin([]) is None

    assert batch_spans.begin([traced(), traced(NO, YES)])


def test_the_steps_of_a_batch_are_its_parts_and_its_requests_its_links(kept: list[Span]) -> None:
    records = [traced(YES), traced(NO), traced(YES, offset=1)]
    clock = StepClock(batch_spans.begin(records))
    clock.add("decode", 0.25)
    clock.add("documents", 0.5)
    clock.add("unnamed", 1.0)
    assert clock.timings

    clock.timings.become_spans(records, events=7, error="Stopped")

    whole, *parts = kept
    assert [part.name for part in parts] == ["decode", "insert events"]
    assert [part.end_time_unix_nano - part.start_time_unix_nano for part in parts] == [250_000_000, 500_000_000]
    assert {(part.trace_id, part.parent_span_id) for part in parts} == {(whole.trace_id, whole.span_id)}
    assert [link.trace_id.hex() for link in whole.links] == [f"{9:032x}"]
    values = {each.key: each.value for each in whole.attributes}
    assert values["messaging.batch.message_count"].int_value == 3
    assert values["dataflow.events"].int_value == 7
    assert [each.int_value for each in values["dataflow.partitions"].array_value.values] == [0]
    assert values["error.type"].string_value == "Stopped"


def test_a_batch_of_many_requests_has_as_many_links_as_a_span_may(kept: list[Span]) -> None:
    many = [b"00-%032x-00f067aa0ba902b7-01" % number for number in range(1, 2 * MAX_LINKS)]
    records = [traced(*many)]
    timings = batch_spans.begin(records)
    assert timings

    timings.become_spans(records, events=1)

    assert len(kept[0].links) == MAX_LINKS
