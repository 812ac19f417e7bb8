"""Apply a mend to what was sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from ingestion.events import timestamps
from ingestion.events.model import InvalidEvent
from processing.dead_letters import rendering
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.mending import date_formats, json_members
from processing.dead_letters.mending.json_members import Members, NotMended
from processing.dead_letters.mending.steps import (
    AnyStep,
    Cast,
    DropCommas,
    KeepLast,
    Mend,
    ParseDate,
    ReceivedTime,
    Remove,
    Rename,
    Set,
    To,
)
from processing.events import fields
from processing.models import DeadLetter

# What `mended_line` raises.
UNFIXED = (NotMended, InvalidEvent)

_encode = msgspec.json.encode
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"(-?[0-9]+),([0-9]+)")
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def mended_line(letter: DeadLetter, mend: Mend, *, now: int) -> bytes:
    """Return the canonical line of the mended event, checked as an edit is; its time of receipt does not change.

    :param now: microseconds since the epoch
    :raises NotMended: a step can't be applied
    :raises InvalidEvent: what came out is not a valid event
    """
    return edit_letter(letter, mended_text(letter, mend), now=now)


def mended_text(letter: DeadLetter, mend: Mend) -> bytes:
    """Return the event in the public format after all steps, not checked.

    :raises NotMended: a step can't be applied
    """
    return apply(mend, rendering.sent_text(letter), received=letter.received)


def why_unfixed(error: Exception) -> str:
    """Return why a mend does not fix a letter: a reason code, or a text without anything of what was sent."""
    return str(error.code) if isinstance(error, InvalidEvent) else str(error)


def apply(mend: Mend, text: bytes, *, received: datetime) -> bytes:
    """Return an event in the public format after all steps.

    :raises NotMended: a step can't be applied
    """
    for step in mend:
        if isinstance(step, DropCommas):
            text = json_members.drop_commas(text)
        elif isinstance(step, KeepLast):
            text = json_members.keep_last(text)
        else:
            json_members.check(text)
            text = _applied(step, text, received)
    return text


def _applied(step: AnyStep, text: bytes, received: datetime) -> bytes:
    match step:
        case Set():
            return _set(text, fields.split(step.field), _encode(step.value))
        case ReceivedTime():
            return _set(text, ("timestamp",), _encode(timestamps.to_text(received)))
        case Rename():
            return _rename(text, step)
        case ParseDate():
            return _replaced(text, step.field, lambda raw: _date(raw, step))
        case Cast():
            return _replaced(text, step.field, lambda raw: _cast(raw, step.to, step.field))
    return _removed(
        text, fields.split(step.field) if isinstance(step, Remove) else ("eventId",), isinstance(step, Remove)
    )


def _set(text: bytes, keys: Sequence[str], value: bytes) -> bytes:
    def put(members: Members, key: str) -> None:
        members[key] = msgspec.Raw(value)

    return json_members.change(text, keys, put, create=True)


def _rename(text: bytes, step: Rename) -> bytes:
    moved: list[msgspec.Raw] = []
    text = json_members.change(text, fields.split(step.field), lambda members, key: moved.append(_taken(members, key)))

    def put(members: Members, key: str) -> None:
        if key in members:
            raise NotMended(f"there is a field {step.to} already")
        members[key] = moved[0]

    return json_members.change(text, fields.split(step.to), put, create=True)


def _removed(text: bytes, keys: Sequence[str], must_exist: bool) -> bytes:
    def remove(members: Members, key: str) -> None:
        if must_exist:
            _taken(members, key)
        members.pop(key, None)

    return json_members.change(text, keys, remove)


def _replaced(text: bytes, path: str, how: Callable[[bytes], bytes]) -> bytes:
    def replace(members: Members, key: str) -> None:
        if key not in members:
            raise NotMended(f"there is no field {path}")
        members[key] = msgspec.Raw(how(bytes(members[key])))

    return json_members.change(text, fields.split(path), replace)


def _taken(members: Members, key: str) -> msgspec.Raw:
    if key not in members:
        raise NotMended(f"there is no field {key}")
    return members.pop(key)


def _date(raw: bytes, step: ParseDate) -> bytes:
    text = _scalar(raw, step.field)
    try:
        return _encode(timestamps.to_text(date_formats.parse(text, step.format, step.zone)))
    except (ValueError, OverflowError) as error:
        raise NotMended(f"{step.field} is not of the form {step.format}") from error


def _cast(raw: bytes, to: To, path: str) -> bytes:
    text = _scalar(raw, path).strip()
    folded = text.casefold()
    if to == "text":
        return _encode(text)
    if to == "boolean" and folded in _TRUE | _FALSE:
        return b"true" if folded in _TRUE else b"false"
    number = _COMMA.sub(r"\1.\2", text) if _COMMA.fullmatch(text) else text
    if to != "boolean" and _NUMBER.fullmatch(number):
        if to == "number":
            return number.encode()
        whole, _, fraction = number.partition(".")
        if "e" not in folded and not fraction.strip("0"):
            return whole.encode()
    raise NotMended(f"{path} can't be made {'an' if to == 'integer' else 'a'} {to}")


def _scalar(raw: bytes, path: str) -> str:
    """Return a text without its quotes, or a number or boolean as it is written."""
    if raw[:1] == b'"':
        return str(msgspec.json.decode(raw))
    if raw[:1] in (b"{", b"[", b"n"):
        raise NotMended(f"{path} is not a text or a number")
    return raw.decode()
