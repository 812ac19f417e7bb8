"""Parses a filter line: `source:plant-* -tag:test temperature>30 status="ok" late`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingestion.auth import source_patterns
from queries.request import field_filters
from queries.request.field_filters import FieldFilter, Operator
from queries.request.filter_line.terms import FieldTerm, FilterLine, SourceTerm, TagTerm, Term, WordTerm
from queries.request.query_params import InvalidParameter

MAX_LINE = 2_000  # characters
MAX_TERMS = 20  # beside names of sources
MAX_SOURCES = 100

SIGNS: dict[str, Operator] = {
    ">=": "gte", "<=": "lte", "!=": "ne", ">": "gt", "<": "lt", "=": "eq", "~": "contains",
}  # fmt: skip
_SPACE = re.compile(r"\s*")
SIGN = re.compile("|".join(map(re.escape, SIGNS)))
PREFIX = re.compile(r"(source|tag|has):")
# A word that begins like the name of a prefix or field, then a colon: most likely meant as one.
UNKNOWN_PREFIX = re.compile(r"[A-Za-z_]\w*:")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
BARE_PATH = re.compile(r'(?:[^\s"=!<>~\\]|\\.)+')
BARE_WORD = re.compile(r'[^\s"]+')
BARE_ITEM = re.compile(r'[^\s",=<>~!][^\s",]*')


class InvalidFilter(InvalidParameter):
    """The line can't be parsed; show where."""

    def __init__(self, at: int, expected: str) -> None:
        super().__init__("filter", f"filter: at character {at + 1}: {expected}")
        self.at = at  # from 0
        self.expected = expected


def parse(text: str) -> FilterLine:
    """Parse a filter line.

    :raises InvalidFilter: it can't be parsed; it names the place
    """
    if len(text) > MAX_LINE:
        raise InvalidFilter(MAX_LINE, f"expected at most {MAX_LINE:,} characters")
    if "\0" in text:
        raise InvalidFilter(text.index("\0"), "expected no NUL")
    return _Parser(text).line()


@dataclass(slots=True)
class _Parser:
    text: str
    at: int = 0

    def line(self) -> FilterLine:
        found: list[Term] = []
        while not self._at_end():
            start = self.at
            terms = self._terms()
            if not self._ended():
                raise InvalidFilter(self.at, "expected a space before the next term")
            found += (term for term in terms if term not in found)
            _check_number(found, start)
        return FilterLine(tuple(found))

    def _terms(self) -> list[Term]:
        negated = self._take("-")
        if self._ended():
            raise InvalidFilter(self.at, "expected a term after the minus, without a space")
        prefix = self._match(PREFIX)
        if prefix is None:
            return [self._field_or_word(negated=negated)]
        if prefix == "source:":
            return self._sources(negated=negated)
        if prefix == "tag:":
            return [TagTerm(self._text("the name of a tag"), negated)]
        path = self._path(self.at, self._text("the path of a field"))
        return [FieldTerm(FieldFilter(path, "exists", (True,)), negated)]

    def _sources(self, *, negated: bool) -> list[Term]:
        found: list[Term] = []
        while not found or self._take(","):
            start = self.at
            pattern = self._match(BARE_ITEM) or ""
            if not source_patterns.is_pattern(pattern):
                raise InvalidFilter(start, f"expected {source_patterns.PATTERN_FORM}")
            found.append(SourceTerm(pattern, negated))
        return found

    def _field_or_word(self, *, negated: bool) -> Term:
        start = self.at
        quoted = self._quoted()
        path = self._match(BARE_PATH) if quoted is None else quoted
        sign = self._match(SIGN)
        if sign is not None:
            if not path:
                raise InvalidFilter(start, "expected the path of a field before the sign")
            return FieldTerm(self._filter(self._path(start, path), SIGNS[sign]), negated)
        if quoted is None:
            self.at = start
            quoted = self._bare_word()
        if not quoted:
            raise InvalidFilter(start, "expected a text that is not empty")
        return WordTerm(quoted, negated)

    def _bare_word(self) -> str:
        if UNKNOWN_PREFIX.match(self.text, self.at):
            raise InvalidFilter(
                self.at,
                "expected source:, tag: or has: before the colon; for a field write name=value, for a text quotes",
            )
        return self._match(BARE_WORD) or ""

    def _filter(self, path: tuple[str, ...], operator: Operator) -> FieldFilter:
        begin = self.at
        items = [self._item()]
        while self._take(","):
            items.append(self._item())
        if len(items) > 1:
            if operator != "eq":
                raise InvalidFilter(begin, "expected one value; a text with a comma stands in quotes")
            operator = "in"
        try:
            values = field_filters.values(operator, ",".join(items))
        except InvalidParameter as error:
            raise InvalidFilter(begin, error.detail.removeprefix("field: ")) from error
        # Of several that are the same, one is left.
        return FieldFilter(path, "eq" if operator == "in" and len(values) == 1 else operator, values)

    def _item(self) -> str:
        start = self.at
        found = self._match(_QUOTED) or self._match(BARE_ITEM)
        if found is None:
            raise InvalidFilter(start, "expected a value; a text with spaces or signs stands in quotes")
        return found

    def _text(self, what: str) -> str:
        start = self.at
        found = self._quoted() or self._match(BARE_WORD)
        if not found:
            raise InvalidFilter(start, f"expected {what}")
        return found

    def _quoted(self) -> str | None:
        if not self.text.startswith('"', self.at):
            return None
        start = self.at
        match = self._match(_QUOTED)
        if match is None:
            raise InvalidFilter(start, "expected a quote at the end of the text")
        try:
            return field_filters.quoted(match)
        except InvalidParameter as error:
            raise InvalidFilter(start, "expected a text as JSON writes it") from error

    def _path(self, start: int, text: str) -> tuple[str, ...]:
        try:
            return field_filters.parse_path("filter", text)
        except InvalidParameter as error:
            raise InvalidFilter(start, error.detail.removeprefix("filter: ")) from error

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def _take(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def _ended(self) -> bool:
        return self.at == len(self.text) or self.text[self.at].isspace()

    def _at_end(self) -> bool:
        self._match(_SPACE)
        return self.at == len(self.text)


def _check_number(found: list[Term], at: int) -> None:
    sources = sum(isinstance(term, SourceTerm) for term in found)
    if sources > MAX_SOURCES:
        raise InvalidFilter(at, f"expected at most {MAX_SOURCES} sources")
    if len(found) - sources > MAX_TERMS:
        raise InvalidFilter(at, f"expected at most {MAX_TERMS} terms beside sources")
