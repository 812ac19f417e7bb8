"""Query parameters: which names and values are valid, and the error for those that are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol

from ingestion.auth import source_patterns
from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN
from ingestion.problems import Code
from queries.request.times import InvalidTime, parse_moment, parse_time

_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_INTEGER = re.compile(r"[0-9]{1,18}")
_COMMA = re.compile(r"(?<!\\),")
# Valid at every address: the browsable API chooses the format with it.
_FORMAT = "format"
# Of the names of filters of fields (queries.request.field_filters).
FILTER_PREFIX = "field."
# Stands for all of them among the names of parameters.
FILTERS = f"{FILTER_PREFIX}<path>[<operator>]"
MAX_TEXT = 4_096  # characters


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
    """The parameters of one request, by their snake_case names; filters of fields by the names that were sent."""

    def __init__(self, query: Query, *, known: Sequence[str], repeated: Sequence[str] = ()) -> None:
        """Store the parameters in `known`, in snake_case or camelCase.

        :param known: the names; if FILTERS is among them, filters of fields are valid, too
        :param repeated: those of them that may be given more than once
        :raises InvalidParameter: a parameter is unknown, or given twice
        """
        self._values: dict[str, list[str]] = {}
        self.filters: list[tuple[str, str]] = []  # names and values of filters of fields, as sent
        for name, values in query.lists():
            if FILTERS in known and name.startswith(FILTER_PREFIX):
                self.filters += [(name, value) for value in values]
            else:
                self._take(name, values, known, repeated)

    def _take(self, name: str, values: list[str], known: Sequence[str], repeated: Sequence[str]) -> None:
        snake = snake_case(name)
        if snake not in known and snake != _FORMAT:
            raise InvalidParameter("", unknown(snake, known), code=Code.UNKNOWN_PARAMETER)
        if (len(values) > 1 or snake in self._values) and snake not in repeated:
            raise InvalidParameter(snake, f"{snake}: expected once, given several times")
        self._values.setdefault(snake, []).extend(values)

    @property
    def given(self) -> Mapping[str, Sequence[str]]:
        """Return the values as sent, by snake_case names, with those of filters."""
        filters: dict[str, list[str]] = {}
        for name, value in self.filters:
            filters.setdefault(name, []).append(value)
        return {**self._values, **filters}

    def text(self, name: str, *, most: int = MAX_TEXT, blank: bool = False) -> str | None:
        """Return a text, which may not be empty, unless that may be `blank`, or contain a NUL.

        :param most: how many characters it may have
        """
        value = self._one(name)
        if blank and value == "":
            return value
        if value is not None and not _is_text(value, most):
            raise InvalidParameter(name, f"{name}: expected a text of 1 to {most} characters, without NUL")
        return value

    def texts(self, name: str, *, most: int) -> list[str]:
        """Return the texts of a parameter that may be repeated, each once, in order.

        :param most: how many there may be
        """
        values = list(dict.fromkeys(self._values.get(name, [])))
        if not all(map(_is_text, values)):
            raise InvalidParameter(name, f"{name}: expected texts of 1 to 4096 characters, without NUL")
        return self._at_most(most, name, values)

    def paths(self, name: str, *, most: int) -> list[str]:
        """Return the texts of a parameter with commas between them, or repeated; a comma in one has a backslash before it."""
        values = self._values.get(name, [])
        found = [part.replace("\\,", ",") for value in values for part in _COMMA.split(value)]
        if not all(map(_is_text, found)):
            raise InvalidParameter(name, f"{name}: expected paths of fields, with commas between them")
        if len(set(found)) < len(found):
            raise InvalidParameter(name, f"{name}: expected each field once")
        return self._at_most(most, name, found)

    def words(self, name: str, choices: Sequence[str], *, default: Sequence[str]) -> list[str]:
        """Return some of `choices`, as given with commas or repeated."""
        if name not in self._values:
            return list(default)
        words = [word for value in self._values[name] for word in value.split(",")]
        for word in words:
            if word not in choices:
                raise InvalidParameter(name, f"{name}: expected {nearest(word, choices)}")
        return list(dict.fromkeys(words))

    def source_id(self, name: str = "source_id", *, blank: bool = False) -> str | None:
        """Return a source id, or an empty text if that may be `blank`."""
        value = self._one(name)
        if blank and value == "":
            return value
        if value is not None and not SOURCE_ID_PATTERN.fullmatch(value):
            raise InvalidParameter(name, f"{name}: expected {SOURCE_ID_FORM}")
        return value

    def source_patterns(self, name: str = "source_id", *, most: int) -> frozenset[str] | None:
        """Return source ids and patterns of them; None: not given.

        :param most: how many there may be
        """
        if name not in self._values:
            return None
        values = self._values[name]
        if not all(map(source_patterns.is_pattern, values)):
            raise InvalidParameter(name, f"{name}: expected {source_patterns.PATTERN_FORM}; an id has {SOURCE_ID_FORM}")
        return frozenset(self._at_most(most, name, list(dict.fromkeys(values))))

    def integer(self, name: str, *, default: int, least: int, most: int, hint: str = "") -> int:
        """Return a whole number from `least` to `most`."""
        value = self._one(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value) or not least <= int(value) <= most:
            raise InvalidParameter(name, f"{name}: expected a whole number from {least} to {most}{hint}")
        return int(value)

    def choice(self, name: str, choices: Sequence[str], *, default: str | None = None) -> str | None:
        """Return one of `choices`."""
        value = self._one(name)
        if value is not None and value not in choices:
            raise InvalidParameter(name, f"{name}: expected {nearest(value, choices)}")
        return default if value is None else value

    def time(self, name: str) -> datetime | None:
        """Return a time, in UTC."""
        value = self._one(name)
        if value is None:
            return None
        try:
            return parse_time(value)
        except InvalidTime as error:
            raise InvalidParameter(name, f"{name}: {error}") from error

    def moment(self, name: str, *, now: datetime) -> datetime | None:
        """Return a time, in UTC, which may be said by its distance from now or as a number since the epoch."""
        value = self._one(name)
        if value is None:
            return None
        try:
            return parse_moment(value, now=now)
        except InvalidTime as error:
            raise InvalidParameter(name, f"{name}: {error}") from error

    def span(self, first: str = "start_time", last: str = "end_time") -> tuple[datetime | None, datetime | None]:
        """Return the time of the parameter `first` (inclusive) and that of `last` (exclusive)."""
        start, end = self.time(first), self.time(last)
        if start and end and end < start:
            raise InvalidParameter(last, f"{last}: expected a time that is not before {first}")
        return start, end

    def _one(self, name: str) -> str | None:
        values = self._values.get(name)
        return values[-1] if values else None

    def _at_most(self, most: int, name: str, values: list[str]) -> list[str]:
        if len(values) > most:
            raise InvalidParameter(name, f"{name}: expected at most {most:,}", code=Code.QUERY_TOO_WIDE)
        return values


def snake_case(name: str) -> str:
    """Return the name of a parameter in snake_case; not for a filter, whose path is the sender's."""
    return _CAPITAL.sub(lambda match: f"_{match.group().lower()}", name)


def nearest(value: str, choices: Sequence[str]) -> str:
    """Return what was expected, with the choice that is nearest to a wrong value."""
    [near] = get_close_matches(value, choices, n=1, cutoff=0.0)
    return f"one of {', '.join(choices)}; the nearest one is {near}"


def unknown(name: str, known: Sequence[str]) -> str:
    """Return what is said of a parameter that an address does not have."""
    # The unknown name is the sender's text, so it is not repeated.
    near = get_close_matches(name, known, n=1, cutoff=0.0)
    if not near:
        return "a query parameter is unknown; this address has none"
    return f"a query parameter is unknown; the nearest one is {near[0]} (all: {', '.join(known)})"


def _is_text(value: str, most: int = MAX_TEXT) -> bool:
    return 0 < len(value) <= most and "\0" not in value
