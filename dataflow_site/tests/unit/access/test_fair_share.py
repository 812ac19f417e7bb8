"""Slots are shared between readers in turn."""

from __future__ import annotations

import asyncio

import pytest

from dataflow_site.access.fair_share import Crowded, FairShare


async def enter(share: FairShare, reader: str, *, seconds: float = 5.0) -> None:
    await share.enter(reader, running=2, waiting=3, seconds=seconds)


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_reader_takes_its_share_and_no_more() -> None:
    share = FairShare(slots=4)
    greedy = [asyncio.create_task(enter(share, "greedy")) for _ in range(5)]
    await settle()

    assert [task.done() for task in greedy] == [True, True, False, False, False]
    await asyncio.wait_for(enter(share, "other"), 1)
    for task in greedy[2:]:
        task.cancel()


async def test_who_has_as_many_waiting_as_may_wait_is_refused_at_once() -> None:
    share = FairShare(slots=4)
    waiting = [asyncio.create_task(enter(share, "greedy")) for _ in range(5)]
    await settle()

    with pytest.raises(Crowded):
        await asyncio.wait_for(enter(share, "greedy"), 0.5)
    for task in waiting:
        task.cancel()


async def test_a_newcomer_waits_for_one_request_of_the_others_only() -> None:
    share = FairShare(slots=2)
    await enter(share, "greedy")
    await enter(share, "greedy")
    order: list[str] = []

    async def visit(reader: str) -> None:
        await enter(share, reader)
        order.append(reader)

    tasks = [asyncio.create_task(visit(reader)) for reader in ("greedy", "greedy", "greedy", "modest")]
    await settle()
    for _ in range(2):
        share.leave("greedy")
        await settle()

    assert order == ["greedy", "modest"]
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize("end", ["timeout", "cancel"])
async def test_who_gave_up_leaves_nothing_behind(end: str) -> None:
    share = FairShare(slots=1)
    await enter(share, "first")
    late = asyncio.create_task(enter(share, "late", seconds=0.01 if end == "timeout" else 5))
    await settle()
    if end == "cancel":
        late.cancel()
    await asyncio.wait([late])

    share.leave("first")

    assert isinstance(late.exception(), Crowded) if end == "timeout" else late.cancelled()
    await asyncio.wait_for(enter(share, "next"), 1)
    assert not share._waiting
    assert not share._limits


async def test_a_streamed_answer_takes_no_slot_but_counts_for_its_reader() -> None:
    share = FairShare(slots=2)
    for _ in range(2):
        await enter(share, "exporter")
        share.begin_stream("exporter")

    await asyncio.wait_for(enter(share, "other"), 1)
    third = asyncio.create_task(enter(share, "exporter"))
    await settle()
    assert not third.done()
    share.end_stream("exporter")
    await asyncio.wait_for(third, 1)


async def test_nothing_is_counted_once_all_have_left() -> None:
    share = FairShare(slots=3)
    for turn in range(300):
        await enter(share, f"reader {turn}")
        share.leave(f"reader {turn}")

    assert not share._running
    assert share._free == 3
