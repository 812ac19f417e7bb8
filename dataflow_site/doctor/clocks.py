"""Compares a server's clock with this machine's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from dataflow_site.doctor.findings import Said, error, warning

_NOTICED = 2.0  # seconds: of figures such as an event's age
_WRONG = 3600.0  # seconds: from here on Kafka refuses records of a receiver whose clock is ahead
MEND = "timedatectl set-ntp true (on the machine whose clock is wrong)"


def compare(server: str, ask: Callable[[], datetime]) -> Iterator[Said]:
    """Say so if the clocks differ by more than the question took.

    :param ask: returns the server's time
    """
    before = datetime.now(UTC)
    told = ask()
    after = datetime.now(UTC)
    ahead = max((told - after).total_seconds(), (before - told).total_seconds())
    if ahead < _NOTICED:
        return
    text = f"The clocks of {server} and of this machine differ by {ahead:,.0f} seconds."
    yield error(text, MEND) if ahead >= _WRONG else warning(text, MEND)
