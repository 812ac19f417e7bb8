"""The window of one client: held changes, pauses and abandoned clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.live import messages
from dashboard.live.deltas import Delta, OverviewDelta
from dashboard.live.messages import ProtocolError, Subscription
from dashboard.live.viewers import ABANDONED_SECONDS, Tick, Viewer
from dashboard.tests.consumer_frames import consumer_frame, source_frame

OVERVIEW = Subscription("overview")


async def nothing(*_: object) -> None:
    return None


def viewer() -> Viewer:
    made = Viewer(send=nothing, close=nothing)
    made.open("overview", OVERVIEW)
    made.opened("overview")
    return made


def tick(number: int, *, stored: int = 1) -> Tick:
    """The span before second `number` / 4, in which `stored` events came; none: nothing changed."""
    if not stored:
        return Tick(number * 0.25, {})
    delta: Delta = OverviewDelta((number - 1) * 0.25, number * 0.25)
    delta.take(consumer_frame({"a": source_frame(stored=stored)}))
    return Tick(number * 0.25, {OVERVIEW: delta})


def hear(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def test_a_client_that_does_not_ack_gets_a_window_of_frames_and_no_more() -> None:
    slow = viewer()

    heard = [hear(slow.next_message(tick(number))) for number in range(1, 21)]

    assert [frame["seq"] for frame in heard if frame] == list(range(1, messages.WINDOW + 1))
    assert heard[messages.WINDOW :] == [None] * (20 - messages.WINDOW)


def test_what_came_while_the_window_was_full_arrives_whole_in_one_wide_frame() -> None:
    slow = viewer()
    for number in range(1, 21):
        slow.next_message(tick(number, stored=number))

    slow.ack(1)
    frame = hear(slow.next_message(tick(21, stored=0)))

    body = frame["subscriptions"]["overview"]
    assert body["sums"]["stored"] == sum(range(messages.WINDOW + 1, 21))
    assert body["interval"] == frame["interval"] == (21 - messages.WINDOW) * 250


@pytest.mark.parametrize("acks_every", [1, 3, 8, 13])
def test_no_event_is_lost_or_doubled_however_slowly_a_client_acks(acks_every: int) -> None:
    client, counted, unacked = viewer(), 0, 0

    for number in range(1, 200):
        frame = hear(client.next_message(tick(number, stored=number % 5)))
        if frame and frame["type"] == "frame":
            counted += frame["subscriptions"]["overview"]["sums"]["stored"]
            unacked = frame["seq"]
        if number % acks_every == 0:
            client.ack(unacked)
    client.ack(client.seq)
    last = hear(client.next_message(tick(200, stored=0)))
    counted += last["subscriptions"]["overview"]["sums"]["stored"] if last and last["type"] == "frame" else 0

    assert counted == sum(number % 5 for number in range(1, 200))


def test_a_frame_is_encoded_once_for_all_who_watch_the_same() -> None:
    shared, bodies = tick(1), []
    for _ in range(3):
        message = viewer().next_message(shared)
        assert message is not None
        bodies.append(shared.encoded(OVERVIEW))

    assert bodies[0] is bodies[1] is bodies[2]


def test_a_heartbeat_comes_each_second_while_nothing_changes() -> None:
    quiet = viewer()
    quiet.next_message(tick(1))

    heard = [hear(quiet.next_message(tick(number, stored=0))) for number in range(2, 14)]

    assert [message["type"] for message in heard if message] == ["heartbeat"] * 3


def test_changes_wait_until_the_snapshot_they_build_on_is_out() -> None:
    newcomer = Viewer(send=nothing, close=nothing)
    newcomer.open("overview", OVERVIEW)

    before = newcomer.next_message(tick(1, stored=5))
    newcomer.opened("overview")
    after = hear(newcomer.next_message(tick(2, stored=2)))

    assert before is None or hear(before)["type"] == "heartbeat"
    assert after["subscriptions"]["overview"]["sums"]["stored"] == 7


def test_a_pause_holds_frames_back_and_loses_none() -> None:
    client = viewer()
    client.paused = True
    heard = [hear(client.next_message(tick(number, stored=1))) for number in range(1, 9)]

    client.paused = False
    frame = hear(client.next_message(tick(9, stored=1)))

    assert {message["type"] for message in heard if message} == {"heartbeat"}
    assert frame["subscriptions"]["overview"]["sums"]["stored"] == 9


def test_an_ack_of_a_frame_never_sent_is_refused() -> None:
    client = viewer()
    client.next_message(tick(1))

    with pytest.raises(ProtocolError, match="at most 1"):
        client.ack(2)


def test_a_client_that_acks_nothing_for_long_counts_as_gone() -> None:
    client = viewer()
    for number in range(1, 12):
        client.next_message(tick(number))

    assert not client.abandoned(12 * 0.25)
    assert client.abandoned(12 * 0.25 + ABANDONED_SECONDS)
