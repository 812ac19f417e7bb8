"""Why a reader's role can't be made or dropped."""

from __future__ import annotations


class ReaderRefused(Exception):
    """PostgreSQL, or the state of its roles, does not allow it; nothing was changed. The text says what an operator can do."""


class ReaderNotFound(Exception):
    """There is no such reader."""
