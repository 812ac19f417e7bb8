"""Which requests are traced."""

from __future__ import annotations

import random

import pytest

from ingestion.spans.sampling import InvalidTracing, Sampler

YES = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NO = YES[:-1] + b"0"


def sampler(name: str = "", share: str = "", *, per_second: int = 0, now: list[float] | None = None) -> Sampler:
    variables = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": share}
    return Sampler(variables, per_second=per_second, clock=lambda: (now or [0.0])[0])


@pytest.mark.parametrize(
    ("name", "share", "of_yes", "of_no", "of_none"),
    [
        ("always_on", "", True, True, True),
        ("always_off", "", False, False, False),
        ("traceidratio", "1", True, True, True),
        ("traceidratio", "0", False, False, False),
        ("parentbased_always_on", "", True, False, True),
        ("parentbased_always_off", "", True, False, False),
        ("parentbased_traceidratio", "1.0", True, False, True),
        ("", "1", True, False, True),
    ],
)
def test_the_samplers_of_opentelemetry_are_followed(
    name: str,
    share: str,
    of_yes: bool,
    of_no: bool,
    of_none: bool,
) -> None:
    found = sampler(name, share)

    assert [found.samples(trace) for trace in (YES, NO, None)] == [of_yes, of_no, of_none]


def test_a_hundredth_of_the_requests_without_a_trace_is_traced_by_default() -> None:
    random.seed(18)
    found = sampler()

    assert 60 < sum(found.samples(None) for _ in range(10_000)) < 140


def test_callers_cant_ask_for_more_traces_than_the_site_allows() -> None:
    now = [0.0]
    found = sampler(per_second=10, now=now)

    first = [found.samples(YES) for _ in range(1_000)]
    now[0] = 1.0
    second = [found.samples(YES) for _ in range(1_000)]

    assert (sum(first), sum(second)) == (10, 10)


@pytest.mark.parametrize(("name", "share"), [("never", ""), ("traceidratio", "2"), ("traceidratio", "nan"), ("", "x")])
def test_what_is_not_understood_is_refused(name: str, share: str) -> None:
    with pytest.raises(InvalidTracing, match="OTEL_TRACES_SAMPLER"):
        sampler(name, share)
