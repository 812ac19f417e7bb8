"""Rebalances: when partitions went to other consumers and why, and how long it took until all were read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypedDict

from ingestion.auth.read_scope import ReadScope
from processing.models import ConsumerAssignment
from queries.reads import postgres
from queries.request.times import format_time

MOST = 20  # shown
# Changes that are not further apart are one rebalance. Kafka gives the partitions of a consumer that was killed to others after
# 10 s, and its last heartbeat may be 5 s older.
NEAR = timedelta(seconds=30)

Kind = ConsumerAssignment.Kind


class Reader(TypedDict):
    """Which partitions a consumer reads."""

    member: str
    partitions: list[int]


class Rebalance(TypedDict):
    """Partitions went to other consumers."""

    at: str
    joined: list[str]
    left: list[str]
    lost: list[str]  # that fell silent, such as one that was killed
    seconds: float | None  # until all partitions were read again; None: they were not, before the next one
    readers: list[Reader]  # afterwards


def read(*, scope: ReadScope) -> list[Rebalance] | None:
    """Return the last rebalances, the newest first; None: they are not for a reader of some sources.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if not scope.whole:
        return None
    with postgres.bounded():
        changes = list(ConsumerAssignment.objects.order_by("at", "id"))
    return of(changes)[: -MOST - 1 : -1]


def of(changes: Iterable[ConsumerAssignment]) -> list[Rebalance]:
    """Return the rebalances that changes are, in order. Pure.

    :param changes: in order
    """
    reading: dict[str, set[int]] = {}
    known: set[int] = set()
    return [_one(part, reading, known) for part in _parts(changes)]


def _parts(changes: Iterable[ConsumerAssignment]) -> Iterator[list[ConsumerAssignment]]:
    part: list[ConsumerAssignment] = []
    for change in changes:
        if part and change.at - part[-1].at > NEAR:
            yield part
            part = []
        part.append(change)
    if part:
        yield part


def _one(part: Sequence[ConsumerAssignment], reading: dict[str, set[int]], known: set[int]) -> Rebalance:
    """Return what a few changes are together.

    :param reading: who reads what; it is brought up to date
    :param known: the partitions that were ever read; those that are read now are added
    """
    known.update(number for change in part for number in change.partitions)
    gap_from = whole_at = None
    for change in part:
        reading[change.member] = {*change.partitions}
        is_whole = known <= {number for numbers in reading.values() for number in numbers}
        if not is_whole:
            gap_from = gap_from or change.at
        whole_at = change.at if is_whole else None
    seconds = None if whole_at is None else 0.0 if gap_from is None else (whole_at - gap_from).total_seconds()
    return {
        "at": format_time(part[0].at),
        "joined": _members(part, Kind.JOINED),
        "left": _members(part, Kind.LEFT),
        "lost": _members(part, Kind.LOST),
        "seconds": seconds,
        "readers": [
            {"member": member, "partitions": sorted(numbers)} for member, numbers in sorted(reading.items()) if numbers
        ],
    }


def _members(part: Sequence[ConsumerAssignment], kind: str) -> list[str]:
    return sorted({change.member for change in part if change.kind == kind})
