"""The messages of `/ws/live`: those of clients, validated, and those of the server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

import msgspec

from dashboard.panels.columns import MAX_CHOSEN, Interval
from ingestion.auth.read_scope import ReadScope
from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN
from queries.request.field_filters import parse_path
from queries.request.filter_line import parsing
from queries.request.filter_line.parsing import InvalidFilter
from queries.request.filter_line.terms import EVERYTHING_PASSES, FilterLine
from queries.request.query_params import InvalidParameter

VERSION = 2
# With the first version a client is subscribed to `overview` from the start; a page that was loaded before an upgrade speaks it.
FIRST_VERSION = 1
WINDOW = 8  # frames a client may leave unacknowledged
TICK_SECONDS = 0.25
HEARTBEAT_SECONDS = 1.0
MAX_MESSAGE = 4096  # characters a client may send at once
MAX_SUBSCRIPTIONS = 16  # per client

Channel = Literal["status", "overview", "series", "tail"]


class ProtocolError(Exception):
    """The client's message is not valid; send it `code` and the text as a message `error`, and continue."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Subscription:
    """A channel with its filters and its reader's scope. Equal subscriptions share one delta, which is encoded once."""

    channel: Channel
    scope: ReadScope  # of the reader, without other sources than `source_id`
    source_id: str | None = None
    interval: Interval = "1m"  # of a series' aggregates
    line: FilterLine = EVERYTHING_PASSES  # of a tail
    fields: tuple[str, ...] = ()  # of a tail: paths, whose texts come with the events


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", frozen=True, rename="camel"):
    """Start a subscription, or replace the one with the same `id`. A snapshot follows, then frames."""

    id: str
    channel: Channel
    source_id: str | None = None
    interval: Interval = "1m"
    filter: str = ""  # of a tail: a line, as for GET /data
    fields: tuple[str, ...] = ()  # of a tail: paths in the payload

    def subscription(self, scope: ReadScope) -> Subscription:
        """Return the subscription that the message asks for. One to a source outside the scope is to nothing.

        :raises ProtocolError: a filter is missing or not valid
        """
        if self.source_id is None and self.channel == "series":
            raise ProtocolError("missing_filter", "series: sourceId is required")
        if self.source_id is not None and not SOURCE_ID_PATTERN.fullmatch(self.source_id):
            raise ProtocolError("invalid_filter", f"sourceId: expected {SOURCE_ID_FORM}")
        if not 0 < len(self.id) <= 64:
            raise ProtocolError("invalid_id", "id: expected 1 to 64 characters")
        if self.channel in ("status", "overview"):
            return Subscription(self.channel, scope)
        within = scope.narrowed(self.source_id)
        if self.channel == "tail":
            return Subscription("tail", within, self.source_id, line=self._line(), fields=self._fields())
        return Subscription("series", within, self.source_id, self.interval)

    def _line(self) -> FilterLine:
        try:
            return parsing.parse(self.filter)
        except InvalidFilter as error:
            raise ProtocolError("invalid_filter", error.detail) from error

    def _fields(self) -> tuple[str, ...]:
        if len(self.fields) > MAX_CHOSEN:
            raise ProtocolError("invalid_filter", f"fields: expected at most {MAX_CHOSEN}")
        try:
            for path in self.fields:
                parse_path("fields", path)
        except InvalidParameter as error:
            raise ProtocolError("invalid_filter", error.detail) from error
        return self.fields


class Unsubscribe(msgspec.Struct, tag_field="type", tag="unsubscribe", frozen=True):
    """End a subscription."""

    id: str


class Ack(msgspec.Struct, tag_field="type", tag="ack", frozen=True):
    """Acknowledge frames, which makes room in the window."""

    seq: int  # this frame and all before it are shown


class Pause(msgspec.Struct, tag_field="type", tag="pause", frozen=True):
    """Stop or continue sending frames. The first frame after a pause covers all of it."""

    paused: bool = True


ClientMessage = Subscribe | Unsubscribe | Ack | Pause
_decoder = msgspec.json.Decoder(ClientMessage)


def parse(text: str) -> ClientMessage:
    """Parse a client's message.

    :raises ProtocolError: it is too large, or of no known type
    """
    if len(text) > MAX_MESSAGE:
        raise ProtocolError("message_too_large", f"expected at most {MAX_MESSAGE} characters")
    try:
        message: ClientMessage = _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ProtocolError("invalid_message", "expected subscribe, unsubscribe, ack or pause, as JSON") from None
    return message


def encode(message: object) -> str:
    """Return a message as JSON text."""
    return msgspec.json.encode(message).decode()


def version_of(query: str) -> int | None:
    """Return the version that a client asks for in the query of the address; None: it is not spoken here."""
    asked = parse_qs(query).get("version", [str(FIRST_VERSION)])[-1]
    return int(asked) if asked.isdecimal() and FIRST_VERSION <= int(asked) <= VERSION else None


def now_ms() -> int:
    """Return the server's clock in ms since the epoch. Pages compute ages with it, not with their own clock."""
    return time.time_ns() // 1_000_000


def welcome(version: int = VERSION) -> str:
    """Return the first message of a connection: the version that is spoken, intervals in ms, size of the window."""
    return encode(
        {
            "type": "welcome",
            "version": version,
            "now": now_ms(),
            "interval": round(TICK_SECONDS * 1000),
            "heartbeat": round(HEARTBEAT_SECONDS * 1000),
            "window": WINDOW,
        }
    )


def snapshot(identity: str, channel: Channel, data: object) -> str:
    """Return the message with which a subscription starts; `data` is null if the stores do not answer."""
    return encode({"type": "snapshot", "id": identity, "channel": channel, "now": now_ms(), "data": data})


def frame(seq: int, span: int, bodies: dict[str, str]) -> str:
    """Return a frame of bodies that are JSON text already, by id of subscription.

    :param span: ms that the frame covers
    """
    joined = ",".join(f"{encode(identity)}:{body}" for identity, body in bodies.items())
    return f'{{"type":"frame","seq":{seq},"now":{now_ms()},"interval":{span},"subscriptions":{{{joined}}}}}'


def heartbeat() -> str:
    """Return the message that is sent if there are no changes, so that the client knows the connection works."""
    return encode({"type": "heartbeat", "now": now_ms()})


def event(name: str, state: str, detail: str = "") -> str:
    """Return a change of state of the feed or a server. Each change is sent; they are never conflated."""
    return encode({"type": "event", "name": name, "state": state, "detail": detail, "now": now_ms()})


def error(code: str, detail: str, identity: str | None = None) -> str:
    """Return the answer to a message that is not valid."""
    return encode({"type": "error", "code": code, "detail": detail, "id": identity})
