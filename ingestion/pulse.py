"""What a door process says about itself, and where in Redis it stands for whoever shows it."""

from __future__ import annotations

from typing import Literal

import msgspec

from ingestion.guard import State

Kind = Literal["ingest", "web", "grpc"]

# A set with the name of every process that was heard of; names whose pulse has expired are taken out by the reader.
DOORS = "dataflow:doors"


class Pulse(msgspec.Struct, frozen=True, rename="camel"):
    """One door process at one moment; all counts are since its start."""

    process: str  # host and process id, as consumers name themselves
    kind: Kind
    since: int  # ms since the epoch
    accepted_per_second: float
    accepted: int  # events
    # By reason code: events that were refused one by one, and requests that were refused as a whole.
    refused: dict[str, int]
    in_flight_events: int
    in_flight_bytes: int
    guard: State


def key(process: str) -> str:
    """Where a process' pulse stands."""
    return f"dataflow:door:{process}"
