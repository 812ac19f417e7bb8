"""What the pages of dead letters format: unified diffs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from django import template

register = template.Library()

_KINDS = {"+": "added", "-": "removed"}


class Line(TypedDict):
    """One line of a diff."""

    text: str
    kind: str  # "added", "removed", or "" for the others


@register.filter
def difflines(lines: Iterable[str]) -> list[Line]:
    """Lines of a unified diff, without its heads, by what was done to each."""
    return [
        {"text": line, "kind": _KINDS.get(line[:1], "")} for line in lines if not line.startswith(("---", "+++", "@@"))
    ]
