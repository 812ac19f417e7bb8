"""Format what several pages of the admin show: origins, times, links, text."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from processing.models import Event


def origin(row: Event) -> str:
    """Return where in Kafka a row came from."""
    return f"{row.topic.name}, partition {row.partition}, offset {row.offset}, line {row.line}"


def link(model: str, object_id: str, text: str) -> SafeString:
    """Return a link to the page of one row of this app."""
    return format_html('<a href="{}">{}</a>', change_url(model, object_id), text)


def change_url(model: str, object_id: str) -> str:
    """Return the URL of the page of one row of this app."""
    return reverse(f"admin:processing_{model}_change", args=[quote(object_id)])


def rfc3339(moment: datetime) -> str:
    """Return a time to the microsecond, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def pre(text: str) -> SafeString:
    """Return preformatted text, escaped."""
    return format_html('<pre class="snippet">{}</pre>', text)
