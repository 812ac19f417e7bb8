"""Reads a file of settings as docker compose reads it, or refuses it with the number of the line.

The rules are those of https://github.com/compose-spec/compose-go/tree/main/dotenv. Where compose skips a line, cuts a value
or takes an empty text without an error, this reader raises: what stands in the file counts, or nothing starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

# Around `=`, and around a line: Go's unicode.IsSpace, which is not Python's str.isspace.
_INNER = "\t\v\f\r \x85\xa0"
BLANKS = (
    _INNER + "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_STATEMENT = re.compile(rf"(?:export[\t\f\r ]+)?([^=:]*?)[{_INNER}]*(?:[=:](.*))?", re.DOTALL)
_NAME = re.compile(r"[\w.\-\[\]]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",
}
_VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<when>:?-)(?P<default>[^${}]*))?\}|(?P<other>\{))"
)


class Unreadable(ValueError):
    """A line can't be taken as it stands. The text has its number, never its content, which may be a secret."""


class Setting(NamedTuple):
    """The value of a variable and the line that sets it."""

    value: str
    line: int


def parse(data: bytes, environment: Mapping[str, str]) -> dict[str, Setting]:
    """Return the settings of a file by name. `environment` is what its values may refer to.

    :raises Unreadable: a line is neither a setting nor a remark
    """
    if data.startswith(_UTF16_MARKS):
        raise Unreadable("line 1: the file is UTF-16; save it as UTF-8")
    found: dict[str, Setting] = {}
    for number, raw in enumerate(data.removeprefix(_UTF8_MARK).split(b"\n"), start=1):
        try:
            _add(raw, number, found, environment)
        except Unreadable as error:
            raise Unreadable(f"line {number}: {error}") from None
    return found


def _add(raw: bytes, number: int, found: dict[str, Setting], environment: Mapping[str, str]) -> None:
    if raw.strip().startswith(b"#") and b"\r" not in raw.rstrip(b"\r"):
        return
    name, text = _split(_decode(raw))
    if not name:
        return
    if name in found:
        raise Unreadable(f"{name} is set in line {found[name].line} already")
    if text is None:
        if name not in environment:
            raise Unreadable(f"{name} has no value: write {name}=value")
        # As for compose, the name alone takes the variable over from the environment.
        found[name] = Setting(environment[name], number)
        return
    before = {**{one: setting.value for one, setting in found.items()}, **environment}
    found[name] = Setting(_value(text, before), number)


def _decode(raw: bytes) -> str:
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8; save the file as UTF-8") from None
    line = line.strip(BLANKS)
    if "\r" in line:
        raise Unreadable("a carriage return stands within it; end lines with a line feed")
    return line


def _split(line: str) -> tuple[str, str | None]:
    """Return a line's name and the text of its value: None without a `=`, an empty name for a line without a setting."""
    if not line or line.startswith("#"):
        return "", None
    statement = _STATEMENT.fullmatch(line)
    if statement is None or not _NAME.fullmatch(statement[1]):
        raise Unreadable("it is no NAME=value")
    return statement[1], statement[2]


def _value(text: str, variables: Mapping[str, str]) -> str:
    inner = text.lstrip(_INNER)
    quote = inner[:1]
    if quote == "'":
        return _inside(inner, quote)
    if quote == '"':
        return _replaced(_unescaped(_inside(inner, quote)), variables)
    if inner.startswith("#") and inner != text:
        raise Unreadable("a remark stands in place of the value; put quotes around a value that begins with #")
    bare = inner.partition(" #")[0].rstrip(BLANKS)
    if re.search(r"\s#", bare):
        raise Unreadable("a remark needs a blank before its #; put quotes around a value that holds one")
    if _CONTROL.search(bare):
        raise Unreadable("a control character stands in the value")
    return _replaced(bare, variables)


def _inside(text: str, quote: str) -> str:
    """Return what stands between the quotes, in which a backslash takes the quote's meaning away.

    :raises Unreadable: the second quote is missing, or more than a remark follows it
    """
    whole = re.match(rf"{quote}((?:\\.|[^\\{quote}])*){quote}(.*)", text, re.DOTALL)
    if whole is None:
        raise Unreadable("a quote is not closed in its line")
    rest = whole[2].strip(BLANKS)
    if rest and not rest.startswith("#"):
        raise Unreadable("more than a remark follows the closing quote")
    if _CONTROL.search(whole[1]):
        raise Unreadable("a control character stands in the value")
    # `\\` stays here: compose undoes it between double quotes only, after this step.
    return re.sub(r"\\(.)", lambda found: found[1] if found[1] == quote else found[0], whole[1])


def _unescaped(text: str) -> str:
    if re.search(r"(?<!\\)(?:\\\\)*\\0", text):
        raise Unreadable("it has an octal escape, which is not read")
    return re.sub(r"\\([abfnrtv$\"\\])", lambda found: _ESCAPES[found[1]], text)


def _replaced(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$NAME`, `${NAME}`, `${NAME:-text}` and `${NAME-text}`; `$$` is one `$`."""

    def replacement(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        if found["other"]:
            _refuse_dollar("it has a ${ that is not read")
        value = variables.get(found["plain"] or found["braced"])
        if found["when"] and (value is None or (value == "" and found["when"] == ":-")):
            return str(found["default"])
        if value is None:
            _refuse_dollar("it refers to a variable that is not set")
        return value

    return _VARIABLE.sub(replacement, text)


def _refuse_dollar(what: str) -> NoReturn:
    # Without the name, which may be a part of a secret.
    raise Unreadable(f"{what}; write a $ that means itself as $$ or put single quotes around the value")
