"""Tags that write a time: in the reader's zone, or as an age. The title has the exact time in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.frame.preferences import Preferences
from dashboard.templatetags.figures import UNKNOWN
from queries.request.times import format_time, parse_time

register = template.Library()

Time = datetime | int | float | str | None  # ms since the epoch, or RFC 3339


@register.simple_tag(takes_context=True)
def when(context: Context, at: Time, zone: str | None = None) -> SafeString | str:
    """A time to the second.

    :param zone: that of the time's source
    """
    time = _time(at)
    if time is None:
        return UNKNOWN
    return _element(context, time, zone, "{:%Y-%m-%d %H:%M:%S}")


@register.simple_tag(takes_context=True)
def clock(context: Context, at: Time, zone: str | None = None) -> SafeString | str:
    """A time of day."""
    time = _time(at)
    return UNKNOWN if time is None else _element(context, time, zone, "{:%H:%M:%S}")


@register.simple_tag(takes_context=True)
def at(context: Context, at: Time, zone: str | None = None) -> str:
    """A time to the second as plain text, for the title of a part of a drawing."""
    time = _time(at)
    return UNKNOWN if time is None else f"{_local(context, time, zone):%Y-%m-%d %H:%M:%S}"


@register.simple_tag(takes_context=True)
def ago(context: Context, at: Time) -> SafeString | str:
    """How long ago a time was; scripts keep it current."""
    time = _time(at)
    if time is None:
        return UNKNOWN
    shown = age((datetime.now(tz=UTC) - time).total_seconds())
    title = _title(_local(context, time, None), time)
    milliseconds = round(time.timestamp() * 1000)
    return format_html(
        '<time datetime="{}" data-at="{}" title="{}">{}</time>', format_time(time), milliseconds, title, shown
    )


@register.filter
def age(seconds: float) -> str:
    """Seconds as an age, in the same words as js/format.js."""
    if seconds < 1.5:
        return "now"
    return f"{duration(seconds)} ago"


@register.filter
def duration(seconds: float | None) -> str:
    """A length of time: 8 s, 5 min, 3 h, 2 d."""
    if seconds is None:
        return UNKNOWN
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{round(seconds / unit)} {name}"
    return f"{round(seconds / 86_400)} d"


def _element(context: Context, time: datetime, zone: str | None, form: str) -> SafeString:
    local = _local(context, time, zone)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', format_time(time), _title(local, time), form.format(local)
    )


def _local(context: Context, time: datetime, zone: str | None) -> datetime:
    """Return a time in the reader's zone; the first and last hours of the calendar stay in UTC."""
    try:
        return time.astimezone(_preferences(context).zone_for(zone))
    except OverflowError:
        return time.astimezone(UTC)


def _title(local: datetime, time: datetime) -> str:
    return f"{local:%Y-%m-%d %H:%M:%S %Z}, {format_time(time)}"


def _time(at: Time) -> datetime | None:
    if isinstance(at, str):
        return parse_time(at) if at else None
    if isinstance(at, int | float):
        return datetime.fromtimestamp(at / 1000, tz=UTC)
    return at


def _preferences(context: Context) -> Preferences:
    shown = context.get("frame")
    found = getattr(shown, "preferences", None)
    return found if isinstance(found, Preferences) else Preferences()
