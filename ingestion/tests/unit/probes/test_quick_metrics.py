"""The metrics for where every microsecond counts show what those of prometheus_client would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.openmetrics import exposition

from ingestion.probes.quick_metrics import QuickCounter, QuickHistogram

BOUNDS = (0.25, 1.0)
SECONDS = st.integers(0, 128).map(lambda number: number / 64)  # whose sums are exact in any order
TRACE = "0af7651916cd43dd8448eb211c80319c"


@given(st.lists(st.tuples(st.sampled_from(["http", "grpc"]), SECONDS)))
def test_times_are_shown_as_by_a_usual_histogram(observed: list[tuple[str, float]]) -> None:
    quick, usual = CollectorRegistry(), CollectorRegistry()
    fast = QuickHistogram("request_seconds", "Meaning", "door", ("http", "grpc"), BOUNDS, registry=quick)
    slow = Histogram("request_seconds", "Meaning", ["door"], buckets=BOUNDS, registry=usual)
    for door in ("http", "grpc"):
        slow.labels(door)

    for place, (door, seconds) in enumerate(observed):
        if place % 2:
            fast.observe(door, seconds)
        else:
            fast.waiting[door].append(seconds)
        slow.labels(door).observe(seconds)

    assert lines(quick) == lines(usual)


@given(st.lists(st.sampled_from(["hit", "miss"])))
def test_counts_are_shown_as_by_a_usual_counter(counted: list[str]) -> None:
    quick, usual = CollectorRegistry(), CollectorRegistry()
    fast = QuickCounter("key_cache", "Meaning", "result", ("hit", "miss"), registry=quick)
    slow = Counter("key_cache", "Meaning", ["result"], registry=usual)
    for result in ("hit", "miss"):
        slow.labels(result)

    for result in counted:
        fast.counts[result] += 1
        slow.labels(result).inc()

    assert lines(quick) == lines(usual)


def test_a_bucket_names_the_last_trace_in_it_in_the_format_of_openmetrics() -> None:
    registry = CollectorRegistry()
    histogram = QuickHistogram("request_seconds", "Meaning", "door", ("http",), BOUNDS, registry=registry)

    histogram.observe("http", 0.5, "1" * 32)
    histogram.observe("http", 0.75, TRACE)
    histogram.observe("http", 0.75)

    [shown] = [line for line in open_metrics(registry) if "#" in line[1:]]
    assert shown.startswith(f'request_seconds_bucket{{door="http",le="1.0"}} 3.0 # {{trace_id="{TRACE}"}} 0.75 ')


def lines(registry: CollectorRegistry) -> set[str]:
    return {line for line in generate_latest(registry).decode().splitlines() if "_created" not in line}


def open_metrics(registry: CollectorRegistry) -> list[str]:
    text: bytes = exposition.generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode().splitlines()
