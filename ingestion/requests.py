"""What a request to the door says before its body: the form of the body, its length, the options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from email.message import Message
from enum import Enum
from functools import lru_cache
from urllib.parse import parse_qsl

from ingestion.problems import Code

REMEMBERED = 256  # different content types and query strings; clients use the same ones over and over


class Refused(Exception):
    """The request is answered with the status that goes with the code; its body was not looked at."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Form(Enum):
    """How the events stand in the body."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"


FORMS = {"application/json": Form.JSON, "application/x-ndjson": Form.NDJSON, "application/ndjson": Form.NDJSON}


@dataclass(frozen=True, slots=True)
class Options:
    """The query parameters."""

    list_all: bool = False  # results of the accepted events too
    atomic: bool = False  # all events or none


# Each parameter's values; the one given last is the one that changes something.
PARAMETERS = {"results": ("rejected", "all"), "atomic": ("false", "true")}


@lru_cache(maxsize=REMEMBERED)
def options(query: bytes) -> Options:
    """Read the query string.

    :raises Refused: a parameter or a value that does not exist
    """
    given: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        _check_parameter(name, value, known=given)
        given[name] = value
    return Options(list_all=given.get("results") == "all", atomic=given.get("atomic") == "true")


def _check_parameter(name: str, value: str, *, known: dict[str, str]) -> None:
    if name not in PARAMETERS:
        nearest = get_close_matches(name, PARAMETERS, n=1, cutoff=0.0)[0]
        raise Refused(Code.UNKNOWN_PARAMETER, f"there is no such query parameter; the nearest is {nearest!r}")
    if name in known:
        raise Refused(Code.INVALID_PARAMETER, f"{name}: given more than once")
    if value not in PARAMETERS[name]:
        raise Refused(Code.INVALID_PARAMETER, f"{name}: expected one of {', '.join(PARAMETERS[name])}")


def form_of(headers: Iterable[tuple[bytes, bytes]], *, max_bytes: int) -> Form:
    """Judge the headers of a request with a body.

    :param headers: names in lower case, as ASGI gives them
    :raises Refused: a media type, charset or encoding that is not taken, or a body declared too long
    """
    media = b""
    for name, value in headers:
        if name == b"content-type":
            media = value
        elif name == b"content-length" and int(value) > max_bytes:
            raise Refused(Code.BODY_TOO_LARGE, too_large(max_bytes))
        elif name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            raise Refused(Code.UNSUPPORTED_ENCODING, "Content-Encoding: expected none")
    return _form(media)


def too_large(max_bytes: int) -> str:
    """Say what the limit of a body is."""
    return f"the body is larger than {max_bytes:,} bytes"


@lru_cache(maxsize=REMEMBERED)
def _form(media: bytes) -> Form:
    message = Message()
    message["content-type"] = media.decode("latin-1")
    form = FORMS.get(message.get_content_type()) if media else None
    if form is None:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected one of {', '.join(FORMS)}")
    if str(message.get_param("charset", "utf-8")).lower() not in {"utf-8", "utf8"}:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected charset utf-8")
    return form
