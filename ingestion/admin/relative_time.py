"""Times in the lists of the admin: how long ago, with the exact time in the title."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib import admin
from django.db.models import Model
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil


def relative(moment: datetime | None, *, never: str = "never") -> SafeString | str:
    """Return how far a time is away, as HTML; `never` without one."""
    if moment is None:
        return never
    is_past = moment <= timezone.now()
    text = f"{timesince(moment, depth=1)} ago" if is_past else f"in {timeuntil(moment, depth=1)}"
    exact = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, text)


def time_column(field: str, title: str = "", *, never: str = "–") -> Callable[[Model], SafeString | str]:
    """Return a column of a list that shows a time of a row as `relative` does."""

    def shown(row: Model) -> SafeString | str:
        return relative(getattr(row, field), never=never)

    shown.__name__ = field
    return admin.display(description=title or field.replace("_", " "), ordering=field)(shown)
