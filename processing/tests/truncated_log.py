"""A broker that returns without the end of its log, as after a loss of power or with the disk of an older replica."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

from deploy.testing.deployment import Deployment

_HEAD = struct.Struct(">qi")  # base offset, length of what follows


def cut(site: Deployment, partition: int, *, batches: int) -> None:
    """Kill the broker, cut the last batches off a partition, and start the broker."""
    kafka = site.servers.kafka
    kafka.kill()
    [segment] = _folder(site, partition).glob("*.log")
    starts = _starts(segment.read_bytes())
    with segment.open("r+b") as file:
        file.truncate(starts[-batches])
    kafka.start()


def lose(site: Deployment, partition: int) -> None:
    """Kill the broker and start it without any record of a partition."""
    kafka = site.servers.kafka
    kafka.kill()
    shutil.rmtree(_folder(site, partition))
    kafka.start()


def _folder(site: Deployment, partition: int) -> Path:
    return site.servers.kafka.folder / "data" / f"{site.raw_topic}-{partition}"


def _starts(log: bytes) -> list[int]:
    starts, at = [], 0
    while at + _HEAD.size <= len(log):
        _, length = _HEAD.unpack_from(log, at)
        if length <= 0:
            break
        starts.append(at)
        at += _HEAD.size + length
    return starts
