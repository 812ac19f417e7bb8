"""The settings that every request asks for, read once: Django's own way costs a request as much as parsing its event."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.core.signals import setting_changed


class Terms(NamedTuple):
    """On what terms a door takes requests; the settings of the same names, without DATAFLOW_."""

    max_body_bytes: int
    max_event_bytes: int
    max_batch_events: int
    max_sources: int
    max_header_bytes: int
    max_headers: int
    in_flight_bytes: int
    in_flight_events: int
    publish_deadline_seconds: float
    open_ingest: bool
    require_known_sources: bool


@cache
def terms() -> Terms:
    """Give the terms as the settings are."""
    return Terms(*[getattr(settings, f"DATAFLOW_{name.upper()}") for name in Terms._fields])


def _read_anew(**_changed: object) -> None:
    terms.cache_clear()


# A test may change a setting; nobody else does while a process runs.
setting_changed.connect(_read_anew)
