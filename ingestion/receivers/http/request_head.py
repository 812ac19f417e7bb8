"""What a request to the door says before its body: the form of the body, its length, the options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from email.message import Message
from enum import Enum
from functools import lru_cache
from urllib.parse import parse_qsl

from ingestion.problems import Code

REMEMBERED = 256  # different content types and query strings; clients use the same ones over and over


class RequestRejected(Exception):
    """A request is refused as a whole; the catcher answers with the status that goes with the code."""

    def __init__(self, code: Code, detail: str, *, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = headers


class Form(Enum):
    """How the events stand in the body."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    CLOUDEVENT = "application/cloudevents+json"
    CLOUDEVENTS = "application/cloudevents-batch+json"
    BINARY_CLOUDEVENT = "binary"  # known by its headers; its content type is that of the data


FORMS = {
    "application/json": Form.JSON,
    "application/x-ndjson": Form.NDJSON,
    "application/ndjson": Form.NDJSON,
    "application/cloudevents+json": Form.CLOUDEVENT,
    "application/cloudevents-batch+json": Form.CLOUDEVENTS,
}

# Whether the body is gzip.
ENCODINGS = {b"": False, b"identity": False, b"gzip": True, b"x-gzip": True}


@dataclass(frozen=True, slots=True)
class Options:
    """The query parameters."""

    list_all: bool = False  # results of the accepted events too
    atomic: bool = False  # all events or none
    validate: bool = False  # say what would be answered, and take nothing


# Each parameter's values; the one given last is the one that changes something.
PARAMETERS = {"results": ("rejected", "all"), "atomic": ("false", "true")}

# Names under which clients put a key into the address.
SECRETS = frozenset({"api_key", "apikey", "api-key", "x-api-key", "key", "token", "access_token", "auth", "p"})
CHALLENGE = (b"www-authenticate", b'Bearer realm="dataflow"')


@lru_cache(maxsize=REMEMBERED)
def options(query: bytes, *, validate: bool = False) -> Options:
    """Read the query string.

    :raises Refused: a parameter or a value that does not exist
    """
    given: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        _check_parameter(name, value, known=given)
        given[name] = value
    return Options(given.get("results") == "all", given.get("atomic") == "true", validate)


def _check_parameter(name: str, value: str, *, known: dict[str, str]) -> None:
    if name.lower() in SECRETS:
        detail = "a key in the address ends up in logs: send it as Authorization: Bearer, or as X-API-Key"
        raise RequestRejected(Code.UNAUTHENTICATED, detail, headers=[CHALLENGE])
    if name not in PARAMETERS:
        nearest = get_close_matches(name, PARAMETERS, n=1, cutoff=0.0)[0]
        raise RequestRejected(Code.UNKNOWN_PARAMETER, f"there is no such query parameter; the nearest is {nearest!r}")
    if name in known:
        raise RequestRejected(Code.INVALID_PARAMETER, f"{name}: given more than once")
    if value not in PARAMETERS[name]:
        raise RequestRejected(Code.INVALID_PARAMETER, f"{name}: expected one of {', '.join(PARAMETERS[name])}")


def form_of(head: Mapping[bytes, bytes], *, max_bytes: int) -> tuple[Form, bool]:
    """Judge the headers of a request with a body: its form, and whether it is compressed with gzip.

    :param head: names in lower case, as ASGI gives them
    :raises Refused: a media type, charset or encoding that is not taken, or a body declared too long
    """
    if int(head.get(b"content-length", b"0")) > max_bytes:
        raise RequestRejected(Code.BODY_TOO_LARGE, too_large(max_bytes))
    encoding = head.get(b"content-encoding", b"")
    if encoding and encoding.strip().lower() not in ENCODINGS:
        raise RequestRejected(Code.UNSUPPORTED_ENCODING, "Content-Encoding: expected gzip or none")
    media = head.get(b"content-type", b"")
    is_binary = b"ce-specversion" in head and not media.lower().startswith(b"application/cloudevents")
    form = Form.BINARY_CLOUDEVENT if is_binary else _form(media)
    return form, bool(encoding) and ENCODINGS[encoding.strip().lower()]


def too_large(max_bytes: int) -> str:
    """Say what the limit of a body is."""
    return f"the body is larger than {max_bytes:,} bytes"


@lru_cache(maxsize=REMEMBERED)
def _form(media: bytes) -> Form:
    message = Message()
    message["content-type"] = media.decode("latin-1")
    form = FORMS.get(message.get_content_type()) if media else None
    if form is None:
        raise RequestRejected(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected one of {', '.join(FORMS)}")
    if str(message.get_param("charset", "utf-8")).lower() not in {"utf-8", "utf8"}:
        raise RequestRejected(Code.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected charset utf-8")
    return form
