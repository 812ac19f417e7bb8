"""The one way to read a JSON body: a msgspec struct, or a problem that points at what is wrong."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from ingestion.problems import Code, FieldError

Body = TypeVar("Body", bound=msgspec.Struct)

_JSON = "application/json"
# msgspec reports errors as text only; `tests/test_json_body.py` has each text that these patterns read.
_MESSAGE = re.compile(r"(?P<detail>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")
_UNKNOWN_MEMBER = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)


class InvalidBody(Exception):
    """The body can't be used; answer with a problem that lists `errors`."""

    def __init__(self, code: Code, detail: str, *, pointer: str = "", errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors: Sequence[FieldError] = errors or [{"pointer": pointer, "code": code.value, "detail": detail}]


def read(request: Request, kind: type[Body]) -> Body:
    """Parse the body of a request. An empty body counts as an empty object.

    :raises InvalidBody: it is not JSON, or not of the form of `kind`
    """
    text = request.body
    if text and request.content_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(request.content_type)
    try:
        text.decode()
        body = msgspec.json.decode(text or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise invalid(str(error), kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(Code.NOT_JSON, "the body is not JSON in UTF-8") from error
    for pointer, value in _texts(body, ""):
        if not is_storable(value):
            detail = f"{pointer}: expected text without NUL"
            raise InvalidBody(Code.INVALID_PARAMETER, detail, pointer=pointer)
    return body


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can hold a text: it has neither a NUL nor half a surrogate pair."""
    return "\0" not in text and (text.isascii() or not _SURROGATE.search(text))


def _texts(value: object, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of a body with their pointers. An event inside stays as it came: its own parser reads it."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        for name, encoded in names:
            yield from _texts(getattr(value, name), f"{pointer}/{encoded}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")


def refuse_members(wrong: dict[str, str]) -> None:
    """Raise if there are wrong members, by their names in JSON, with what was expected of each.

    :raises InvalidBody: `wrong` is not empty
    """
    if wrong:
        errors: list[FieldError] = [
            {"pointer": f"/{name}", "code": Code.INVALID_PARAMETER.value, "detail": detail}
            for name, detail in wrong.items()
        ]
        raise InvalidBody(Code.INVALID_PARAMETER, "the body is not of the required form", errors=errors)


def invalid(text: str, kind: type[msgspec.Struct]) -> InvalidBody:
    """Return the problem that an error text of msgspec's stands for. What was sent is not repeated."""
    match = _MESSAGE.fullmatch(text)
    assert match
    pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(match["path"] or ""))
    detail = f"{pointer or 'the body'}: {_safe(match['detail'], kind, pointer=pointer)}"
    return InvalidBody(Code.INVALID_PARAMETER, detail, pointer=pointer)


def _safe(detail: str, kind: type[msgspec.Struct], *, pointer: str) -> str:
    """Leave out the sender's text, which two of msgspec's messages repeat."""
    if detail.startswith("Invalid enum value"):
        return "expected one of the allowed values"
    unknown = _UNKNOWN_MEMBER.fullmatch(detail)
    if unknown is not None:
        return "a member is unknown" if pointer else f"a member is unknown; {_hint(unknown['name'], kind)}"
    return detail[:1].lower() + detail[1:].replace("`", "")


def _hint(name: str, kind: type[msgspec.Struct]) -> str:
    known = kind.__struct_encode_fields__
    nearest = difflib.get_close_matches(name.replace("_", "").lower(), known, n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"there are: {', '.join(known)}"
