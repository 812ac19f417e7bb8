"""Which declared index serves a query."""

from __future__ import annotations

from collections.abc import Sequence


def serving(path: Sequence[str], *, sources: frozenset[str] | None) -> str | None:
    """Return the condition with which a query is served by a declared index; None: there is none for it.

    :param sources: of the query; None: all
    """
    return None
