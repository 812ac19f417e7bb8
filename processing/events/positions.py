"""Positions in Kafka. Building one costs 0.3 us more than a plain tuple, so the path of every event builds none."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID


class PartitionId(NamedTuple):
    """A partition of a topic, also of one that was deleted and recreated under its name."""

    topic: UUID  # Kafka's id of the topic
    partition: int


class RecordPosition(NamedTuple):
    """The position of a record in its topic."""

    partition: int
    offset: int


class ReadUpTo(NamedTuple):
    """How far a partition's effects are committed."""

    next_offset: int  # of the first record without effects
    epoch: int  # of the leader that wrote the last record with effects; -1: not known


class LinePosition(NamedTuple):
    """The position of a line in its topic; `line` counts from 0 within the record."""

    partition: int
    offset: int
    line: int
