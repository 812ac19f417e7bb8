"""From a text to Python's syntax tree of it, within bounds."""

from __future__ import annotations

import ast
import re

from processing.logic.expressions.reading.work import MAX_WORK
from processing.logic.expressions.values import MAX_TEXT
from processing.logic.faults import Fault, InvalidLogic

MAX_BYTES = 64 * 1024  # of a text, in UTF-8
MAX_NODES = 200  # names, literals and operators
MAX_DEPTH = 50  # of nodes in one another
# Parentheses and commas make no nodes. What has more tokens is refused before Python's parser meets it.
_MAX_TOKENS = 10 * MAX_NODES
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_LINE_BREAK = re.compile(r"[\r\n]")
_UNKNOWN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[^\\'\"abfnrtvxuUN0-7]")
_RAW_HINT = 'write a text with a backslash as r"…", or the backslash twice'
_TOO_MUCH_WORK = (
    "this is too much work on texts for one expression; an action or a rule before it can set a field to a part of it, "
    'and one matches(a, "x|y") finds several words'
)
# Operators of other languages.
_HINTS = {"&&": "and", "||": "or", "<>": "!=", "===": "=="}


class Written:
    """A text that somebody wrote: where it stands, and where its parts are."""

    def __init__(self, text: str, pointer: str, *, start: int = 0) -> None:
        """Take a text whose expression begins behind `start` characters.

        :raises InvalidLogic: too long, or no text that can be stored
        """
        self.text = text
        self.pointer = pointer
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise self.refused("expected whole characters, got half a surrogate pair") from error
        if size > MAX_BYTES:
            raise self.refused(f"expected at most {MAX_BYTES} bytes")
        # A line break is a space, so that an expression may be written over several lines.
        flat = _LINE_BREAK.sub(" ", text[start:])
        self.flat = flat.strip()
        self._start = start + len(flat) - len(flat.lstrip())
        self._bytes = self.flat.encode()
        self._work = 0

    def spend(self, work: int, node: ast.expr) -> None:
        """Add what a node takes of an event with long texts.

        :raises InvalidLogic: the expression takes too long, at this node
        """
        self._work += work
        if self._work > MAX_WORK:
            raise self.refused(_TOO_MUCH_WORK, node)

    def refused(self, detail: str, node: ast.expr | None = None) -> InvalidLogic:
        """Return what is wrong, at a node or with the whole text."""
        return self.fault(detail, None if node is None else self._characters(node.col_offset))

    def fault(self, detail: str, offset: int | None = None) -> InvalidLogic:
        """Return what is wrong, `offset` characters behind the beginning of the expression."""
        if offset is None:
            return InvalidLogic([Fault(self.pointer, detail)])
        before = self.text[: self._start + offset].replace("\r\n", "\n")
        lines = _LINE_BREAK.split(before)
        return InvalidLogic([Fault(self.pointer, detail, len(lines), len(lines[-1]) + 1)])

    def segment(self, node: ast.expr) -> str:
        """Return the text of a node."""
        return self._bytes[node.col_offset : node.end_col_offset].decode()

    def _characters(self, offset: int) -> int:
        return len(self._bytes[:offset].decode())


def expression(written: Written) -> ast.expr:
    """Return the syntax tree of an expression.

    :raises InvalidLogic: no expression, or out of bounds
    """
    found = _parsed(written)
    if isinstance(found, ast.Assign):
        raise written.refused("expected one expression; a comparison is written with ==", found.targets[0])
    if not isinstance(found, ast.Expr):
        raise written.refused("expected one expression")
    _check_bounds(written, found.value)
    return found.value


def assignment(written: Written) -> tuple[ast.expr, ast.expr]:
    """Return the syntax trees of `FIELD = EXPRESSION`.

    :raises InvalidLogic: no such text, or out of bounds
    """
    found = _parsed(written)
    if not isinstance(found, ast.Assign) or len(found.targets) != 1:
        raise written.refused("expected FIELD = EXPRESSION")
    _check_bounds(written, found.targets[0])
    _check_bounds(written, found.value)
    return found.targets[0], found.value


def _parsed(written: Written) -> ast.stmt:
    _check_tokens(written)
    try:
        body = ast.parse(written.flat).body
    except SyntaxError as error:
        raise written.fault(_reason(written, error), max(0, (error.offset or 1) - 1)) from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise written.fault("the expression can't be parsed") from error
    if len(body) != 1:
        raise written.refused("expected one expression")
    return body[0]


def _check_tokens(written: Written) -> None:
    if not written.flat:
        raise written.refused("expected an expression, got nothing")
    if "\0" in written.flat:
        raise written.refused("expected text without NUL")
    code = _STRING.sub('""', written.flat)
    if "#" in code:
        raise written.refused("a # begins no comment here; a rule has a note")
    if len(_TOKEN.findall(code)) > _MAX_TOKENS:
        raise written.refused(f"expected at most {MAX_NODES} names, literals and operators")


def _reason(written: Written, error: SyntaxError) -> str:
    code = _STRING.sub('""', written.flat)
    for sign, operator in _HINTS.items():
        if sign in code:
            return f"no operator {sign}; did you mean {operator}?"
    if "invalid escape" in error.msg:
        return _RAW_HINT
    return f"{error.msg}; a key that is no name is written as payload[…]"


def _check_bounds(written: Written, root: ast.expr) -> None:
    level, count = [root], 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_NODES:
            raise written.refused(f"expected at most {MAX_NODES} names, literals and operators")
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        if not level:
            return
    raise written.refused(f"expected at most {MAX_DEPTH} levels of operators and calls", level[0])


def check_text(written: Written, node: ast.Constant) -> None:
    """Check a text that is written in an expression.

    :raises InvalidLogic: it can't be stored, or has a backslash before what it does not go with
    """
    value = node.value
    assert isinstance(value, str)
    segment = written.segment(node)
    if segment[:1] not in {"r", "R"} and _UNKNOWN_ESCAPE.search(segment):
        raise written.refused(_RAW_HINT, node)
    if "\0" in value:
        raise written.refused("expected text without NUL", node)
    if len(value) > MAX_TEXT:
        raise written.refused(f"expected a text of at most {MAX_TEXT} characters", node)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise written.refused("expected whole characters, got half a surrogate pair", node) from error
