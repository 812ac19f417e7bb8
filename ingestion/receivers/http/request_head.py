"""Reads a request's head: the form and length of its body, its options."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from email.message import Message
from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from ingestion.acceptance.options import Options
from ingestion.http.bodies import media_types
from ingestion.http.bodies.gzip_reader import is_gzip
from ingestion.problems import CHALLENGE, SECRETS, Code, RequestRejected, too_large
from ingestion.runtime.limits import receiver_limits

REMEMBERED = 256  # different content types and query strings; clients use the same ones over and over


class Form(Enum):
    """The format of the events in the body."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    CLOUDEVENT = "application/cloudevents+json"
    CLOUDEVENTS = "application/cloudevents-batch+json"
    BINARY_CLOUDEVENT = "binary"  # known by its headers; its content type is that of the data


FORMS = {
    "application/json": Form.JSON,
    "text/json": Form.JSON,
    "application/x-ndjson": Form.NDJSON,
    "application/ndjson": Form.NDJSON,
    "application/jsonl": Form.NDJSON,
    "application/x-jsonl": Form.NDJSON,
    "application/jsonlines": Form.NDJSON,
    "application/x-jsonlines": Form.NDJSON,
    "application/cloudevents+json": Form.CLOUDEVENT,
    "application/cloudevents-batch+json": Form.CLOUDEVENTS,
}
# Names of UTF-8, and of ASCII, which is a part of it.
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}

# Each parameter's values; the one given last is the one that changes something.
PARAMETERS = {"results": ("rejected", "all"), "atomic": ("false", "true")}


class RequestHead(NamedTuple):
    """The checked head of a request: what is known before its body."""

    form: Form
    gzip: bool
    options: Options
    head: Mapping[bytes, bytes]  # names in lower case


@lru_cache(maxsize=REMEMBERED)
def options(query: bytes, *, validate: bool = False) -> Options:
    """Read the query string.

    :raises RequestRejected: a parameter or a value that does not exist
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


def read_head(head: Mapping[bytes, bytes], asked: Options) -> RequestHead:
    """Read the headers of a request with a body.

    :param head: names in lower case, as ASGI gives them
    :raises RequestRejected: as form_of(), or a body declared too long
    """
    if int(head.get(b"content-length", b"0")) > receiver_limits().max_body_bytes:
        raise RequestRejected(Code.BODY_TOO_LARGE, too_large(receiver_limits().max_body_bytes))
    media, encoding = head.get(b"content-type", b""), head.get(b"content-encoding", b"")
    if len(media) > media_types.MAX_BYTES or len(encoding) > media_types.MAX_BYTES:
        detail = f"Content-Type, Content-Encoding: expected at most {media_types.MAX_BYTES} bytes"
        raise RequestRejected(Code.INVALID_HEADER, detail)
    form, gzip = form_of(media, encoding, b"ce-specversion" in head)
    return RequestHead(form, gzip, asked, head)


@lru_cache(maxsize=REMEMBERED)
def form_of(media: bytes, encoding: bytes, has_specversion: bool) -> tuple[Form, bool]:
    """Return the form of a body, and whether it is gzip.

    :param media: its Content-Type
    :param has_specversion: whether the header ce-specversion is there, as for a binary CloudEvent
    :raises RequestRejected: a media type, charset or encoding that is not supported
    """
    gzip = is_gzip(encoding)
    is_binary = has_specversion and not media.lower().startswith(b"application/cloudevents")
    return Form.BINARY_CLOUDEVENT if is_binary else _form(media), gzip


def _form(media: bytes) -> Form:
    message = Message()
    message["content-type"] = media.decode("latin-1")
    form = FORMS.get(message.get_content_type()) if media else None
    if form is None:
        expected = ", ".join(dict.fromkeys(known.value for known in FORMS.values()))
        raise RequestRejected(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected one of {expected}")
    if str(message.get_param("charset", "utf-8")).lower() not in CHARSETS:
        raise RequestRejected(Code.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected charset utf-8")
    return form
