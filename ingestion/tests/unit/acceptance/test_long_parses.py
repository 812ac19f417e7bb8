"""What one key makes the event loop parse is bounded, however many requests it sends."""

from __future__ import annotations

import asyncio

from ingestion.acceptance.long_parses import LOOP_SHARE, LongParses
from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.events.steps import Parsing, Steps
from ingestion.receivers.http.body_parsers import json_steps

REFUSED = b"[" + b",".join([b"{}"] * 1_000) + b"]"
NOW = 1_800_000_000_000_000


def steps() -> Steps:
    found = json_steps(REFUSED, now=NOW, limits=BatchLimits())
    assert not isinstance(found, ParsedBatch)
    return found


async def test_a_keys_share_of_the_event_loop_is_used_up_and_others_keep_theirs() -> None:
    parses = LongParses(clock=lambda: 10.0)
    begun = [parses.begin(steps(), key="greedy") for _ in range(50)]
    whole = [parsed for parsed in begun if isinstance(parsed, ParsedBatch)]

    assert 0 < len(whole) * 12_000 <= LOOP_SHARE
    assert isinstance(parses.begin(steps(), key="modest"), ParsedBatch)

    deadline = asyncio.get_running_loop().time() + 30
    rest = [parses.finish(parsed, key="greedy", deadline=deadline) for parsed in begun if isinstance(parsed, Parsing)]
    finished = await asyncio.gather(*rest)
    assert {len(batch.rejected) for batch in [*whole, *finished]} == {1_000}


async def test_a_share_is_whole_again_after_a_second() -> None:
    now = 10.0
    parses = LongParses(clock=lambda: now)
    while isinstance(parses.begin(steps(), key="greedy"), ParsedBatch):
        pass

    now = 10.9
    assert isinstance(parses.begin(steps(), key="greedy"), Parsing)
    now = 11.1
    assert isinstance(parses.begin(steps(), key="greedy"), ParsedBatch)
