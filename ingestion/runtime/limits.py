"""A snapshot of the settings that every request needs: reading Django's settings costs as much as parsing an event."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.core.signals import setting_changed


class ReceiverLimits(NamedTuple):
    """The limits and rules for requests: the settings of the same names, without DATAFLOW_."""

    max_body_bytes: int
    max_event_bytes: int
    max_batch_events: int
    max_sources: int
    new_sources_per_key: int
    max_header_bytes: int
    max_headers: int
    max_idle_connections: int
    body_budget_bytes: int
    key_body_budget_bytes: int
    in_flight_bytes: int
    in_flight_events: int
    publish_deadline_seconds: float
    idempotency_bytes_per_key: int
    open_ingest: bool
    require_known_sources: bool


@cache
def receiver_limits() -> ReceiverLimits:
    """Return the snapshot of the current settings."""
    return ReceiverLimits(*[getattr(settings, f"DATAFLOW_{name.upper()}") for name in ReceiverLimits._fields])


def _clear_cache(**_changed: object) -> None:
    receiver_limits.cache_clear()


# Only tests change settings while a process runs.
setting_changed.connect(_clear_cache)
