"""Sends mutated requests, each on a connection of its own, and checks the responses: of a receiver, or of the whole site."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

PATIENCE = 8.0  # seconds for one response; the receiver has to time out earlier
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
_LENGTH = re.compile(rb"content-length: ?([0-9]+)", re.IGNORECASE)


NOT_DECODED = 501  # of a transfer coding, as https://www.rfc-editor.org/rfc/rfc9112#section-6.1-13 wants it


class Surprise(Exception):
    """A process sent a response that it must never send; `wire` is the request."""

    def __init__(self, what: str, wire: bytes) -> None:
        super().__init__(what)
        self.wire = wire


@dataclass(slots=True)
class Report:
    """The responses so far; status 0 is a connection that was closed without a response."""

    pages: bool = False  # HTML is an answer too
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        """Return how many requests were sent."""
        return sum(self.statuses.values())


async def send(wires: Iterator[bytes], port: int, report: Report, *, until: float, connections: int) -> None:
    """Send requests until a time on the loop's clock.

    :raises Surprise: a 5xx, HTML, or silence
    """
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_keep_sending(wires, port, report, until=until))


async def _keep_sending(wires: Iterator[bytes], port: int, report: Report, *, until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        wire = next(wires)
        report.statuses.update(judge(wire, await exchange(wire, port), pages=report.pages))


async def exchange(wire: bytes, port: int) -> bytes:
    """Return everything that the receiver sends in response to a request.

    :raises Surprise: no process listens, or nothing comes
    """
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        raise Surprise("the process is gone", wire) from error
    answer = b""
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(wire)
            while not _is_whole(answer) and (piece := await reader.read(65536)):
                answer += piece
    except TimeoutError as error:
        raise Surprise("neither an answer nor an end", wire) from error
    except OSError:
        pass  # closed while we were still sending
    finally:
        writer.transport.abort()
    return answer


def judge(wire: bytes, answer: bytes, *, pages: bool = False) -> list[int]:
    """Return the statuses in a response.

    :raises Surprise: one of them never may be
    """
    statuses = [int(status) for status in _STATUS.findall(answer)]
    # Readiness depends on servers, which run here.
    if any(status >= 500 and status != NOT_DECODED for status in statuses):
        raise Surprise(f"a 5xx: {answer[:300]!r}", wire)
    if (not pages and b"<html" in answer.lower()) or (answer and not statuses):
        raise Surprise(f"no answer of ours: {answer[:300]!r}", wire)
    return statuses or [0]


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    if head.startswith(b"HTTP/1.1 100"):
        return _is_whole(body)
    length = _LENGTH.search(head)
    return len(body) >= (int(length[1]) if length else 0)
