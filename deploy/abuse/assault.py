"""Carries out one attack in a process of its own, so that the neighbour's clock is not the attacker's."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Awaitable, Callable
from multiprocessing.process import BaseProcess

from deploy.abuse.attacks import contents, grpc_calls, live, reads, unfinished_calls, wires
from deploy.abuse.target import Target

Attack = Callable[[Target, float], Awaitable[None]]

ATTACKS: dict[str, Attack] = {
    "conflicts of one id": contents.id_conflicts,
    "made-up sources": contents.made_up_sources,
    "heads before bodies": contents.heads_first,
    "unfinished bodies": wires.unfinished_bodies,
    "endless trailers": wires.trailers,
    "nested JSON": contents.nests,
    "media types of slashes": wires.media_types,
    "an empty line, then silence": wires.silence_after_an_empty_line,
    "pipelined requests": wires.pipelining,
    "refusals that nobody reads": wires.unread_refusals,
    "idle gRPC streams": grpc_calls.idle_streams,
    "idle gRPC watches": grpc_calls.idle_watches,
    "unfinished gRPC messages": unfinished_calls.unfinished_messages,
    "made-up keys": contents.made_up_keys,
    "large labels": contents.labels,
    "fields at scattered minutes": contents.scattered_fields,
    "wrong live messages": live.wrong_messages,
    "live subscriptions": live.subscribes,
    "paused overviews": live.paused_overviews,
    "slow reads": reads.slow_reads,
    "traces of made-up ids": reads.traces,
    "sign-in guesses": reads.sign_in_guesses,
    "strange hosts": reads.strange_hosts,
    "silent peers": reads.silent_peers,
}
GRACE = 20.0  # seconds for an attack to end by itself


def start(name: str, target: Target, seconds: float) -> BaseProcess:
    """Start an attack of so many seconds."""
    process = multiprocessing.get_context("spawn").Process(
        target=_carry_out, args=(name, target, time.monotonic() + seconds), daemon=True
    )
    process.start()
    return process


def finish(process: BaseProcess) -> bool:
    """Wait until an attack has ended; return whether it could be carried out."""
    process.join(GRACE)
    if process.is_alive():
        process.kill()
        process.join()
        return True
    return process.exitcode == 0


def _carry_out(name: str, target: Target, until: float) -> None:
    # The attacks of many connections need as many files.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4_096, hard)), hard))
    # The loop's clock is the system's monotonic one, the same in each process.
    asyncio.run(_until(ATTACKS[name](target, until), until))


async def _until(attack: Awaitable[None], until: float) -> None:
    try:
        async with asyncio.timeout_at(until + 1.0):
            await attack
    except TimeoutError:
        pass
