"""Filters that format numbers and times for the pages. An unknown value is a dash, never 0."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from django import template

from dashboard.panels import columns

UNKNOWN = "–"
register = template.Library()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@register.filter
def number(value: object) -> str:
    """A count: 12345 -> 12,345."""
    return f"{value:,.0f}" if _is_number(value) else UNKNOWN


@register.filter
def rate(value: object) -> str:
    """Events per second, with one decimal below ten, as in js/format.js."""
    return f"{value:.1f}" if _is_number(value) and 0 < value < 10 else number(value)  # type: ignore[operator]


@register.filter
def percent(value: object) -> str:
    """A percentage: 0.04 % is not 0 %."""
    if not _is_number(value):
        return UNKNOWN
    # From 9.5 on one significant digit would be "1e+01".
    return f"{value:.0f} %" if value == 0 or value >= 9.5 else f"{value:.1g} %"  # type: ignore[operator]


@register.filter
def measure(value: object) -> str:
    """A measured value, in six significant digits."""
    return f"{value:,.6g}" if _is_number(value) else UNKNOWN


@register.filter
def stamp(text: object) -> str:
    """An RFC 3339 time in UTC to the second: 2025-04-11 12:00:00."""
    return text[:19].replace("T", " ") if isinstance(text, str) and text else UNKNOWN


@register.filter
def clock(text: object) -> str:
    """An RFC 3339 time's time of day."""
    return stamp(text)[11:] or UNKNOWN


@register.filter
def milliseconds(text: str) -> int:
    """An RFC 3339 time as milliseconds since the epoch, for scripts."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@register.filter
def moment(at: int) -> datetime:
    """Milliseconds since the epoch as a time."""
    return datetime.fromtimestamp(at / 1000, tz=UTC)


@register.filter
def preview(payload: dict[str, object]) -> str:
    """A payload as one short line of JSON."""
    return columns.preview(payload)
