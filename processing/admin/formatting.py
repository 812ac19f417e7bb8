"""Format what several pages of the admin show: origins, times, links, text, tables, diffs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from processing.models import DeadLetter, Event


def origin(row: Event | DeadLetter) -> str:
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


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> SafeString:
    """Return a table of text or links with column titles."""
    head = format_html_join("", '<th scope="col">{}</th>', ((title,) for title in titles))
    body = format_html_join("", "<tr>{}</tr>", ((_cells(row),) for row in rows))
    return format_html('<table class="told"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)


def diff(lines: Iterable[str]) -> SafeString:
    """Return a unified diff, with added and removed lines marked."""
    shown = format_html_join(
        "\n", '<span class="{}">{}</span>', ((_MARKS.get(line[:1], "same"), line) for line in lines)
    )
    return format_html('<pre class="snippet">{}</pre>', shown)


_MARKS = {"+": "added", "-": "removed"}


def _cells(row: Sequence[object]) -> SafeString:
    return format_html_join("", "<td>{}</td>", ((cell,) for cell in row))
