"""Checks JSON syntax at any depth: the C parsers stop at a thousand levels."""

from __future__ import annotations

import re

WHITE_SPACE = b" \t\r\n"  # between the tokens of JSON

_TOKEN = re.compile(
    r"""[ \t\n\r]*+
    (?: (?P<open>\[++ | \{) | (?P<close>]++ | \}) | (?P<comma>,) | (?P<colon>:)
      | (?P<string>"(?: [^"\\\x00-\x1f]++ | \\["\\/bfnrt] | \\u[0-9A-Fa-f]{4} )*+")
      | (?P<value> -?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)? | true | false | null)
      | (?P<end>\Z) )""",
    re.VERBOSE,
)

# Which tokens are allowed next.
_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _COMMA = range(6)
_VALUES = {_VALUE, _VALUE_OR_END}


class NotJson(Exception):
    """The text is not JSON (RFC 8259)."""


def items(text: str, *, limit: int) -> list[str]:
    """Split a JSON array into the texts of its items; any other text is returned as the only item.

    Stops as soon as there are more than `limit` items.

    :raises NotJson: in the part that was read
    """
    scan = _Scan(text, limit=limit)
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

    def __init__(self, text: str, *, limit: int) -> None:
        self.text = text
        self.limit = limit
        self.stack = bytearray()
        self.expected = _VALUE
        self.items: list[str] = []
        self.is_array = text.lstrip(" \t\n\r").startswith("[")
        self.item_start = text.find("[") + 1 if self.is_array else 0

    def run(self) -> None:
        steps = {"open": self._open, "close": self._close, "comma": self._comma, "colon": self._colon}
        place = 0
        while len(self.items) <= self.limit:
            token = _TOKEN.match(self.text, place)
            if token is None:
                raise NotJson
            kind, place = str(token.lastgroup), token.end()
            if kind == "end":
                self._end()
                return
            if kind in steps:
                steps[kind](token[kind], place)
            else:
                self._plain(is_string=kind == "string")

    def _open(self, brackets: str, _place: int) -> None:
        if self.expected not in _VALUES:
            raise NotJson
        self.stack += brackets.encode()
        self.expected = _KEY_OR_END if brackets == "{" else _VALUE_OR_END

    def _close(self, brackets: str, place: int) -> None:
        opened = b"{" if brackets == "}" else b"[" * len(brackets)
        may_end = {_COMMA, _KEY_OR_END if brackets == "}" else _VALUE_OR_END}
        if self.expected not in may_end or not self.stack.endswith(opened):
            raise NotJson
        empty = self.expected == _VALUE_OR_END and len(self.stack) == 1
        del self.stack[-len(opened) :]
        self.expected = _COMMA
        if not self.stack and self.is_array and not empty:
            self._item(place - 1)

    def _comma(self, _comma: str, place: int) -> None:
        if self.expected != _COMMA or not self.stack:
            raise NotJson
        self.expected = _KEY if self.stack.endswith(b"{") else _VALUE
        if len(self.stack) == 1 and self.is_array:
            self._item(place - 1)
            self.item_start = place

    def _colon(self, _colon: str, _place: int) -> None:
        if self.expected != _COLON:
            raise NotJson
        self.expected = _VALUE

    def _plain(self, *, is_string: bool) -> None:
        if is_string and self.expected in {_KEY, _KEY_OR_END}:
            self.expected = _COLON
        elif self.expected in _VALUES:
            self.expected = _COMMA
        else:
            raise NotJson

    def _item(self, end: int) -> None:
        self.items.append(self.text[self.item_start : end].strip(" \t\n\r"))

    def _end(self) -> None:
        if self.stack or self.expected != _COMMA:
            raise NotJson
        if not self.is_array:
            self.items.append(self.text)
