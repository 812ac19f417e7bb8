"""Reads the weather file: its lines unchanged, and the same readings at the present time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

FILE = Path(__file__).with_name("weather.ndjson.gz")
# Source in the file -> source of the replay; what is replayed is not to be mixed with what was measured.
REPLAYED = {
    "noaa.seattle.hourly": "replay.seattle",
    "noaa.san-francisco.hourly": "replay.san-francisco",
    "noaa.seattle.daily": "replay.seattle.daily",
}
BROKEN = "replay.broken-thermometer"


def lines() -> list[bytes]:
    """Every event of the file, one JSON text each."""
    return gzip.decompress(FILE.read_bytes()).splitlines()


def batches(events: list[bytes], size: int) -> Iterator[bytes]:
    """NDJSON bodies of up to `size` events."""
    for begin in range(0, len(events), size):
        yield b"\n".join(events[begin : begin + size])


def impossible_reading() -> bytes:
    """Return a reading of now that the demo's logic rejects."""
    return json.dumps({"sourceId": BROKEN, "timestamp": _now(), "payload": {"temperature": 999}}).encode()


def replay(events: list[bytes]) -> Iterator[bytes]:
    """Yield NDJSON bodies with the next reading of each source at the present time, without end."""
    readings: dict[str, list[object]] = {source: [] for source in REPLAYED}
    for event in map(json.loads, events):
        readings[event["sourceId"]].append(event["payload"])
    for payloads in zip(*map(cycle, readings.values()), strict=False):
        now = _now()
        names = (REPLAYED[source] for source in readings)
        yield b"\n".join(
            json.dumps({"sourceId": name, "timestamp": now, "payload": payload}).encode()
            for name, payload in zip(names, payloads, strict=True)
        )


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
