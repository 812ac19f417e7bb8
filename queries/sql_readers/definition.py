"""What a reader by SQL is called, which sources it sees, and the settings of its role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from ingestion.auth.source_patterns import ANY, PATTERN_FORM, is_pattern, matches

# No other role has it, so that a reader's name can't be that of a role which somebody else made.
PREFIX = "reader_"
NAME = re.compile(r"[a-z][a-z0-9_]*")
LONGEST_NAME = 63 - len(PREFIX)  # PostgreSQL cuts names at 63 bytes
MAX_CONNECTIONS = 1_000
MAX_TIMEOUT = 86_400  # seconds


class InvalidReader(Exception):
    """The definition of a reader can't be used; the text is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A reader by SQL."""

    role: str
    patterns: tuple[str, ...]
    statement_timeout: int  # seconds
    connections: int  # at most, at one time

    @classmethod
    def defined(cls, name: str, patterns: Sequence[str], *, statement_timeout: int, connections: int) -> Self:
        """Validate a definition.

        :param patterns: sources' ids, or beginnings of them with a trailing "*"; none: every source
        :raises InvalidReader: a value can't be used
        """
        if not 1 <= connections <= MAX_CONNECTIONS:
            raise InvalidReader(f"Expected 1 to {MAX_CONNECTIONS} connections.")
        if not 1 <= statement_timeout <= MAX_TIMEOUT:
            raise InvalidReader(f"Expected a statement timeout of 1 to {MAX_TIMEOUT} seconds.")
        return cls(
            role=role_of(name),
            patterns=tuple(_reduced(patterns)),
            statement_timeout=statement_timeout,
            connections=connections,
        )


def role_of(name: str) -> str:
    """Return the name of a reader's role.

    :param name: with or without the prefix of the role
    :raises InvalidReader: it can't be a reader's name
    """
    short = name.removeprefix(PREFIX)
    if not NAME.fullmatch(short) or len(short) > LONGEST_NAME:
        raise InvalidReader(
            f"Expected a name of 1 to {LONGEST_NAME} of a-z 0-9 _ that starts with a letter; "
            f"the role is called {PREFIX}NAME."
        )
    return PREFIX + short


def _reduced(patterns: Iterable[str]) -> list[str]:
    """Return the patterns without those that another one includes."""
    given = sorted({_checked(pattern) for pattern in patterns} or {ANY})
    # A pattern's text stands for itself here: what begins all of another's sources begins the other one.
    return [one for one in given if not any(other != one and matches(other, one) for other in given)]


def _checked(pattern: str) -> str:
    if not is_pattern(pattern):
        raise InvalidReader(f"Expected {PATTERN_FORM}.")
    return pattern
