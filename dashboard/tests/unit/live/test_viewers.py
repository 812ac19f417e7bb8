"""The window of one client: held changes, pauses and abandoned clients."""

from __future__ import annotations

import gc
import json
import sys
from typing import Any, cast

import pytest

from dashboard.live import messages
from dashboard.live.deltas import HELD_SOURCES, SHOWN_SOURCES, Delta, OverviewDelta
from dashboard.live.holds import Holds, Tick
from dashboard.live.messages import ProtocolError, Subscription
from dashboard.live.viewers import ABANDONED_SECONDS, Viewer
from dashboard.panels.columns import SHOWN_VALUES
from dashboard.tests.consumer_frames import consumer_frame, source_frame
from ingestion.auth.read_scope import EVERYTHING

OVERVIEW = Subscription("overview", EVERYTHING)
_holds = Holds()  # of each test its own


async def nothing(*_: object) -> None:
    return None


@pytest.fixture(autouse=True)
def holds(monkeypatch: pytest.MonkeyPatch) -> Holds:
    made = Holds()
    monkeypatch.setattr(sys.modules[__name__], "_holds", made)
    return made


def viewer() -> Viewer:
    made = Viewer(send=nothing, close=nothing)
    made.open("overview", OVERVIEW)
    made.opened("overview")
    return made


def tick(number: int, *, stored: int = 1) -> Tick:
    """The span before second `number` / 4, in which `stored` events came; none: nothing changed."""
    if not stored:
        return _holds.tick(number * 0.25, {})
    delta: Delta = OverviewDelta((number - 1) * 0.25, number * 0.25, EVERYTHING)
    delta.take(consumer_frame({"a": source_frame(stored=stored)}))
    return _holds.tick(number * 0.25, {OVERVIEW: delta})


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


def crowd_tick(number: int, *, sources: int, fields: int) -> Tick:
    """A span in which every one of many sources stored one event."""
    names = [f"field-{each}" for each in range(fields)]
    frame = consumer_frame(
        {
            f"s{each}": source_frame(stored=1, at=number * 1_000_000 + each, **dict.fromkeys(names, (number, 1.0)))
            for each in range(sources)
        }
    )
    delta = OverviewDelta((number - 1) * 0.25, number * 0.25, EVERYTHING)
    delta.take(frame)
    return _holds.tick(number * 0.25, {OVERVIEW: delta})


def test_many_sources_cost_a_paused_client_little_and_its_sums_stay_exact(holds: Holds) -> None:
    client = viewer()
    client.paused = True
    for number in range(1, 6):
        client.next_message(crowd_tick(number, sources=2_000, fields=20))

    [hold] = client._held.values()
    held = cast("OverviewDelta", hold.delta)
    client.paused = False
    body = hear(client.next_message(tick(6, stored=0)))["subscriptions"]["overview"]

    assert len(held.sources) <= 2 * HELD_SOURCES
    assert max(len(cell.values) for cell in held.sources.values()) <= SHOWN_VALUES
    assert (body["sums"]["stored"], body["seen"], body["shown"]) == (10_000, 2_000, SHOWN_SOURCES)
    assert body["columns"]["sourceId"][0] == "s1999"
    assert body["columns"]["stored"][0] == 5


def test_what_many_clients_can_not_take_is_held_once(holds: Holds) -> None:
    crowd = [viewer() for _ in range(20)]
    for client in crowd:
        client.paused = True
        for each in range(15):
            client.open(f"again {each}", OVERVIEW)
            client.opened(f"again {each}")

    for number in range(1, 5):
        now = tick(number)
        for client in crowd:
            client.next_message(now)
    assert len(holds) == 1
    del now

    for client in crowd:
        client.paused = False
        client.next_message(tick(5, stored=0))
    gc.collect()
    assert len(holds) == 0


def test_clients_that_paused_at_different_times_hear_each_its_own_span() -> None:
    early, late = viewer(), viewer()
    early.paused = True
    for number in range(1, 4):
        now = tick(number, stored=number)
        early.next_message(now)
        late.next_message(now)
    late.paused = True
    now = tick(4, stored=10)
    early.next_message(now)
    late.next_message(now)

    early.paused = late.paused = False
    now = tick(5, stored=0)
    heard = [hear(client.next_message(now))["subscriptions"]["overview"]["sums"]["stored"] for client in (early, late)]

    assert heard == [16, 10]
