"""Bodies of requests: JSON held to a msgspec struct, and what to say when it is something else."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from ingestion.problems import Code

Body = TypeVar("Body", bound=msgspec.Struct)

_JSON = "application/json"
_PLACE = re.compile(r"(?P<detail>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")


class InvalidBody(Exception):
    """A body can't be used; answer with a problem that points into it."""

    def __init__(self, code: Code, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer


def read(request: Request, kind: type[Body]) -> Body:
    """Read the body of a request; none at all counts as an empty object.

    :raises InvalidBody: it is not JSON, or not of the form of `kind`
    """
    text = request.body
    if text and request.content_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(request.content_type)
    try:
        text.decode()
        return msgspec.json.decode(text or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(Code.NOT_JSON, "the body is not JSON in UTF-8") from error


def _invalid(text: str, kind: type[msgspec.Struct]) -> InvalidBody:
    match = _PLACE.fullmatch(text)
    assert match
    steps = _STEP.findall(match["path"] or "")
    pointer = "".join(f"/{name or index}" for name, index in steps)
    return InvalidBody(
        Code.INVALID_PARAMETER, f"{pointer or 'the body'}: {_safe(match['detail'], kind)}", pointer=pointer
    )


def _safe(detail: str, kind: type[msgspec.Struct]) -> str:
    """Leave out what was sent, which these two repeat."""
    if detail.startswith("Invalid enum value"):
        return "expected one of the values that are taken"
    if detail.startswith("Object contains unknown field"):
        return f"a member is unknown (of a whole body there are: {', '.join(kind.__struct_encode_fields__)})"
    return detail[:1].lower() + detail[1:].replace("`", "")
