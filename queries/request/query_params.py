"""Query parameters: which names and values are valid, and the error for those that are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol

from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN
from ingestion.problems import Code
from queries.request.times import InvalidTime, parse_time

_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_INTEGER = re.compile(r"[0-9]{1,18}")
# Valid at every address: the browsable API chooses the format with it.
_FORMAT = "format"


class InvalidParameter(Exception):
    """A query parameter can't be used; answer with a problem that names it."""

    def __init__(self, parameter: str, detail: str, *, code: Code = Code.INVALID_PARAMETER) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail
        self.code = code


class Query(Protocol):
    """The part of Django's QueryDict that is used here."""

    def lists(self) -> Iterable[tuple[str, list[str]]]:
        """Return every name with all its values."""


class Parameters:
    """The parameters of one request, by their snake_case names."""

    def __init__(self, query: Query, *, known: Sequence[str]) -> None:
        """Store the parameters in `known`, in snake_case or camelCase.

        :raises InvalidParameter: a parameter is unknown, or given twice
        """
        self._values: dict[str, str] = {}
        for name, values in query.lists():
            self._take(name, values, known)

    def _take(self, name: str, values: list[str], known: Sequence[str]) -> None:
        snake = _CAPITAL.sub(lambda match: f"_{match.group().lower()}", name)
        if snake not in known and snake != _FORMAT:
            raise InvalidParameter("", _unknown(snake, known), code=Code.UNKNOWN_PARAMETER)
        if len(values) > 1 or snake in self._values:
            raise InvalidParameter(snake, f"{snake}: expected once, given several times")
        self._values[snake] = values[0]

    @property
    def given(self) -> Mapping[str, str]:
        """Return the values as sent, by snake_case names."""
        return self._values

    def text(self, name: str) -> str | None:
        """Return a text, which may not be empty or contain a NUL."""
        value = self._values.get(name)
        if value is not None and (not value or "\0" in value or len(value) > 4_096):
            raise InvalidParameter(name, f"{name}: expected a text of 1 to 4096 characters, without NUL")
        return value

    def source_id(self, name: str = "source_id", *, blank: bool = False) -> str | None:
        """Return a source id, or an empty text if that may be `blank`."""
        value = self._values.get(name)
        if blank and value == "":
            return value
        if value is not None and not SOURCE_ID_PATTERN.fullmatch(value):
            raise InvalidParameter(name, f"{name}: expected {SOURCE_ID_FORM}")
        return value

    def integer(self, name: str, *, default: int, least: int, most: int, hint: str = "") -> int:
        """Return a whole number from `least` to `most`."""
        value = self._values.get(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value) or not least <= int(value) <= most:
            raise InvalidParameter(name, f"{name}: expected a whole number from {least} to {most}{hint}")
        return int(value)

    def choice(self, name: str, choices: Sequence[str], *, default: str | None = None) -> str | None:
        """Return one of `choices`."""
        value = self._values.get(name, default)
        if value is not None and value not in choices:
            raise InvalidParameter(name, f"{name}: expected one of {', '.join(choices)}")
        return value

    def time(self, name: str) -> datetime | None:
        """Return a time, in UTC."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return parse_time(value)
        except InvalidTime as error:
            raise InvalidParameter(name, f"{name}: {error}") from error

    def span(self) -> tuple[datetime | None, datetime | None]:
        """Return `start_time` (inclusive) and `end_time` (exclusive)."""
        start, end = self.time("start_time"), self.time("end_time")
        if start and end and end < start:
            raise InvalidParameter("end_time", "end_time: expected a time that is not before start_time")
        return start, end


def _unknown(name: str, known: Sequence[str]) -> str:
    # The unknown name is the sender's text, so it is not repeated.
    near = get_close_matches(name, known, n=1, cutoff=0.0)
    if not near:
        return "a query parameter is unknown; this address has none"
    return f"a query parameter is unknown; the nearest one is {near[0]} (all: {', '.join(known)})"
