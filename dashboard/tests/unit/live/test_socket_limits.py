"""What one socket may send, and how many there may be."""

from __future__ import annotations

import pytest
from django.test import override_settings

from dashboard.live.socket_limits import MAX_FAULTS, MESSAGES_AT_ONCE, Allowance, OpenSockets


class Socket:
    """Anything that can be counted."""


def test_a_page_that_acknowledges_every_frame_is_never_stopped() -> None:
    allowance = Allowance(0.0)

    assert all(allowance.take(number * 0.25) for number in range(100_000))


def test_messages_without_a_pause_are_stopped_after_a_hundred() -> None:
    allowance = Allowance(0.0)

    taken = [allowance.take(0.0) for _ in range(MESSAGES_AT_ONCE + 1)]

    assert taken == [True] * MESSAGES_AT_ONCE + [False]


def test_a_few_wrong_messages_are_borne() -> None:
    allowance = Allowance(0.0)

    assert [allowance.fault() for _ in range(MAX_FAULTS)] == [True] * (MAX_FAULTS - 1) + [False]


@pytest.mark.parametrize(("user", "most"), [("1", 2), ("", 3)])
def test_sockets_are_limited_by_user_and_by_process(user: str, most: int) -> None:
    counted, sockets = OpenSockets(), [Socket() for _ in range(5)]
    with override_settings(DATAFLOW_LIVE_SOCKETS=3, DATAFLOW_LIVE_SOCKETS_PER_USER=2):
        entered = [counted.enter(socket, user) for socket in sockets]

        for socket in sockets:
            counted.leave(socket)
            counted.leave(socket)
        again = counted.enter(sockets[0], user)

    assert sum(entered) == most
    assert again
