"""The messages of `/ws/live`: what a client may say, checked, and what it hears."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import msgspec

VERSION = 1
WINDOW = 8  # frames a client may leave unacknowledged
TICK_SECONDS = 0.25
HEARTBEAT_SECONDS = 1.0
MAX_MESSAGE = 4096  # characters a client may send at once
MAX_SUBSCRIPTIONS = 16  # per client
MAX_SOURCE_ID = 128  # characters, as at the door

Channel = Literal["overview", "series", "tail"]
Interval = Literal["1m", "1h", "1d"]


class ProtocolError(Exception):
    """The client's message is not one of ours; tell it `code` and the sentence, and go on."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is looked at. Equal ones share one feed, encoded once."""

    channel: Channel
    source_id: str | None = None
    interval: Interval = "1m"  # of a series' aggregates


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", frozen=True, rename="camel"):
    id: str
    channel: Channel
    source_id: str | None = None
    interval: Interval = "1m"

    def subscription(self) -> Subscription:
        """:raises ProtocolError: a filter is missing or cannot be"""
        if self.source_id is None and self.channel == "series":
            raise ProtocolError("missing_filter", "series: sourceId says which source")
        if self.source_id is not None and not 0 < len(self.source_id) <= MAX_SOURCE_ID:
            raise ProtocolError("invalid_filter", f"sourceId: expected 1 to {MAX_SOURCE_ID} characters")
        if not 0 < len(self.id) <= 64:
            raise ProtocolError("invalid_id", "id: expected 1 to 64 characters")
        if self.channel == "overview":
            return Subscription("overview")
        if self.channel == "tail":
            return Subscription("tail", self.source_id)
        return Subscription("series", self.source_id, self.interval)


class Unsubscribe(msgspec.Struct, tag_field="type", tag="unsubscribe", frozen=True):
    id: str


class Ack(msgspec.Struct, tag_field="type", tag="ack", frozen=True):
    seq: int  # this frame and all before it are shown


class Pause(msgspec.Struct, tag_field="type", tag="pause", frozen=True):
    """Stop sending frames, or go on: the first frame after a pause covers all of it."""

    paused: bool = True


ClientMessage = Subscribe | Unsubscribe | Ack | Pause
_decoder = msgspec.json.Decoder(ClientMessage)


def parse(text: str) -> ClientMessage:
    """:raises ProtocolError: not a message we know"""
    if len(text) > MAX_MESSAGE:
        raise ProtocolError("message_too_large", f"expected at most {MAX_MESSAGE} characters")
    try:
        message: ClientMessage = _decoder.decode(text)
    except msgspec.DecodeError:
        raise ProtocolError("invalid_message", "expected subscribe, unsubscribe, ack or pause, as JSON") from None
    return message


def encode(message: object) -> str:
    return msgspec.json.encode(message).decode()


def now_ms() -> int:
    """The server's clock, so that a page can tell ages without trusting its own."""
    return time.time_ns() // 1_000_000


def welcome() -> str:
    return encode(
        {
            "type": "welcome",
            "version": VERSION,
            "now": now_ms(),
            "interval": round(TICK_SECONDS * 1000),
            "heartbeat": round(HEARTBEAT_SECONDS * 1000),
            "window": WINDOW,
        }
    )


def snapshot(identity: str, channel: Channel, data: object) -> str:
    """Where a subscription starts from; `data` is null when the stores cannot be asked."""
    return encode({"type": "snapshot", "id": identity, "channel": channel, "now": now_ms(), "data": data})


def frame(seq: int, span: int, bodies: dict[str, str]) -> str:
    """One frame from bodies already encoded, by subscription id."""
    joined = ",".join(f"{encode(identity)}:{body}" for identity, body in bodies.items())
    return f'{{"type":"frame","seq":{seq},"now":{now_ms()},"interval":{span},"subscriptions":{{{joined}}}}}'


def heartbeat() -> str:
    return encode({"type": "heartbeat", "now": now_ms()})


def event(name: str, state: str, detail: str = "") -> str:
    """A change of state, which conflation never swallows."""
    return encode({"type": "event", "name": name, "state": state, "detail": detail, "now": now_ms()})


def error(code: str, detail: str, identity: str | None = None) -> str:
    return encode({"type": "error", "code": code, "detail": detail, "id": identity})
