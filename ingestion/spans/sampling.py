"""Which requests are traced: decided before anything is made for a span, since most are not.

The variables are OpenTelemetry's: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

from ingestion.metrics import SPANS_DROPPED
from ingestion.tracing import traceparent

SAMPLER = "OTEL_TRACES_SAMPLER"
SHARE = "OTEL_TRACES_SAMPLER_ARG"
# Of requests that came without a trace. OpenTelemetry's own default is to trace every one, which at thousands a second costs
# a receiver more than its work.
DEFAULT_SHARE = 0.01

_SHARES = {"always_on": 1.0, "always_off": 0.0, "traceidratio": None}


class InvalidTracing(Exception):
    """A variable has a value that is not understood; the text names both."""


class Sampler:
    """Decides for each request whether it is traced."""

    def __init__(
        self, environment: Mapping[str, str], *, per_second: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read OpenTelemetry's variables.

        :param per_second: traces that may begin at most, whatever callers ask for; 0: any number
        :raises InvalidTracing: one is not understood
        """
        self._follows, self._share = _parse(environment)
        self._per_second = per_second
        self._clock = clock
        self._second = 0
        self._begun = 0

    def samples(self, trace: bytes | None) -> bool:
        """Return whether a request is traced.

        :param trace: its W3C trace context, valid
        """
        if self._follows and trace is not None:
            wanted = traceparent.is_sampled(trace)
        else:
            wanted = self._share > 0 and (self._share >= 1 or random.random() < self._share)  # noqa: S311 - no secret
        return wanted and self._has_room()

    def _has_room(self) -> bool:
        if not self._per_second:
            return True
        second = int(self._clock())
        if second != self._second:
            self._second, self._begun = second, 0
        self._begun += 1
        if self._begun <= self._per_second:
            return True
        SPANS_DROPPED.labels("rate").inc()
        return False


def _parse(environment: Mapping[str, str]) -> tuple[bool, float]:
    """Return whether a caller's decision is followed, and the share of the other requests."""
    name = environment.get(SAMPLER) or "parentbased_traceidratio"
    rest = name.removeprefix("parentbased_")
    if rest not in _SHARES:
        known = ", ".join([*_SHARES, *(f"parentbased_{each}" for each in _SHARES)])
        raise InvalidTracing(f"{SAMPLER} is {name!r}. Set it to one of {known}.")
    share = _SHARES[rest]
    if share is None:
        share = _share(environment.get(SHARE) or str(DEFAULT_SHARE))
    return rest != name, share


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise InvalidTracing(f"{SHARE} is {text!r}. Set it to a number from 0 to 1, for example 0.01.")
    return share
