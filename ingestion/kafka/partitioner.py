"""Chooses the partition of a source."""

from __future__ import annotations

from functools import lru_cache

from kafka.partitioner.default import murmur2

REMEMBERED_SOURCES = 100_000  # one entry is about 200 bytes


@lru_cache(maxsize=REMEMBERED_SOURCES)
def partition_of(source: str, partitions: int) -> int:
    """Return a source's partition by the Java client's default rule, as other producers choose it for the same key."""
    return int(murmur2(source.encode()) & 0x7FFFFFFF) % partitions
