"""Checks JSON syntax at any depth: the C parsers stop at a thousand levels. Takes less than a microsecond a byte."""

from __future__ import annotations

import re

WHITE_SPACE = b" \t\r\n"  # between the tokens of JSON

_STRING = rb'"(?: [^"\\\x00-\x1f]++ | \\["\\/bfnrt] | \\u[0-9A-Fa-f]{4} )*+"'
# A key is read with its colon, and the first one with its bracket: fewer tokens take less time.
_TOKEN = re.compile(
    rb"""[ \t\n\r]*+
    (?: (\[++) | (\{ [ \t\n\r]*+ %(string)b [ \t\n\r]*+ :) | (\{ [ \t\n\r]*+ \}) | (]++ | \}) | (,)
      | (%(string)b [ \t\n\r]*+ :)
      | (%(string)b | -?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)? | true | false | null)
      | (\Z) )"""
    % {b"string": _STRING},
    re.VERBOSE,
)
_BLANK = re.compile(rb"[ \t\n\r]*+")
# The groups of the pattern.
_LISTS, _OBJECT, _EMPTY_OBJECT, _CLOSE, _COMMA, _KEY, _PLAIN, _END = range(1, 9)

# Which tokens are allowed next. The first two allow a value.
_VALUE, _VALUE_OR_END, _MEMBER, _AFTER_VALUE = range(4)

DEEP = 1_000  # levels that no parser of events reads


class NotJson(Exception):
    """The text is not JSON (RFC 8259)."""


class ItemTooLarge(Exception):
    """An item of the array is larger than the limit; what comes after it was not read."""


def check(text: bytes) -> None:
    """Check that a text in UTF-8 is JSON.

    :raises NotJson: it is not
    """
    items(text, limit=0, largest=len(text))


def items(text: bytes, *, limit: int, largest: int) -> list[bytes | None]:
    """Split a JSON array in UTF-8 into the texts of its items, None for those of more levels than DEEP.

    Stops as soon as there are more than `limit` items. Any other text is checked, and has no items.

    :param largest: bytes of an item
    :raises NotJson: in the part that was read
    :raises ItemTooLarge: in the part that was read
    """
    scan = _Scan(text, limit=limit, largest=largest)
    scan.run()
    return scan.items


def has_one_object_a_line(text: bytes, count: int) -> bool:
    """Check that each of the `count` objects that a decoder found in a text is alone on its line.

    Between two objects of a valid text there is only white space, and only there a line can end with } and the next one
    begin with {. So there must be as many such places as gaps between objects, and no further newline.
    """
    gaps = count - 1
    return text.count(b"}\n{") == gaps and text.count(b"\n") == gaps + text.endswith(b"\n")


class _Scan:
    """One pass over a text: the stack of open brackets, and which token is expected next."""

    def __init__(self, text: bytes, *, limit: int, largest: int) -> None:
        self.text = text
        self.limit = limit
        self.largest = largest
        self.stack = bytearray()
        self.expected = _VALUE
        self.items: list[bytes | None] = []
        self.is_array = limit > 0 and text.lstrip(WHITE_SPACE).startswith(b"[")
        self.item_start = 0
        self.item_end = len(text)  # the last place where the item may end
        self.is_deep = False
        if self.is_array:
            self._begin_item(text.find(b"[") + 1)

    def run(self) -> None:  # noqa: C901 (a call for each token would take most of the time)
        match = _TOKEN.scanner(self.text).match  # type: ignore[attr-defined]
        while not self.is_array or len(self.items) <= self.limit:
            token = match()
            if token is None:
                raise NotJson
            kind = token.lastindex
            if kind in {_PLAIN, _EMPTY_OBJECT}:
                if self.expected > _VALUE_OR_END:
                    raise NotJson
                self.expected = _AFTER_VALUE
            elif kind == _KEY:
                if self.expected != _MEMBER:
                    raise NotJson
                self.expected = _VALUE
            elif kind in {_OBJECT, _LISTS}:
                self._open(b"{" if kind == _OBJECT else token[_LISTS], token.end())
            elif kind == _COMMA:
                self._comma(token.end())
            elif kind == _CLOSE:
                self._close(token[_CLOSE], token.end())
            else:
                self._end()
                return

    def _open(self, brackets: bytes, place: int) -> None:
        if self.expected > _VALUE_OR_END:
            raise NotJson
        if place > self.item_end:
            raise ItemTooLarge
        self.stack += brackets
        self.is_deep = self.is_deep or len(self.stack) > DEEP
        self.expected = _VALUE if brackets == b"{" else _VALUE_OR_END

    def _close(self, brackets: bytes, place: int) -> None:
        opened = b"{" if brackets == b"}" else b"[" * len(brackets)
        empty = self.expected == _VALUE_OR_END
        if (self.expected != _AFTER_VALUE and not (empty and opened != b"{")) or not self.stack.endswith(opened):
            raise NotJson
        empty = empty and len(self.stack) == 1
        del self.stack[-len(opened) :]
        self.expected = _AFTER_VALUE
        if not self.stack and self.is_array and not empty:
            self._item(place - 1)

    def _comma(self, place: int) -> None:
        if self.expected != _AFTER_VALUE or not self.stack:
            raise NotJson
        self.expected = _MEMBER if self.stack.endswith(b"{") else _VALUE
        if len(self.stack) == 1 and self.is_array:
            self._item(place - 1)
            self._begin_item(place)
        elif place > self.item_end:
            raise ItemTooLarge

    def _begin_item(self, place: int) -> None:
        blank = _BLANK.match(self.text, place)
        assert blank is not None  # it matches nothing, too
        self.item_start = blank.end()
        self.item_end = self.item_start + self.largest
        self.is_deep = False

    def _item(self, end: int) -> None:
        self.items.append(None if self.is_deep else self.text[self.item_start : end].strip(WHITE_SPACE))

    def _end(self) -> None:
        if self.stack or self.expected != _AFTER_VALUE:
            raise NotJson
