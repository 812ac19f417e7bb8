"""What an attacker knows: ports, a key of its own, and a session of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

HOST = "127.0.0.1"
ATTACKER = "attacker-1"  # the one source of the attacker's keys
NEIGHBOURS = [f"neighbour-{number}" for number in range(24)]  # enough that each partition has one of them


@dataclass(frozen=True, slots=True)
class Target:
    """One running product. Tokens are those of the attacker."""

    ingest: int  # ports
    grpc: int
    web: int
    consumer: int
    key: str  # ingest, for one source, 300 events a minute
    free_key: str  # ingest, for all sources, without a rate
    slow_key: str  # ingest, for one source, one event a minute
    reader: str  # read, for one source
    cookies: str  # of a person who is signed in and sees the dashboard


def now() -> str:
    """Return the time as events have it."""
    return datetime.now(UTC).isoformat()
