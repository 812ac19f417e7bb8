"""Change single members of a JSON text; every other value keeps its digits. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from ingestion.events import strict_parser
from ingestion.events.model import InvalidEvent
from ingestion.events.strict_parser import ALIASES, JsonObject, raw_members

Members = dict[str, msgspec.Raw]
Change = Callable[[Members, str], None]

_NAMES = {name: alias for alias, name in ALIASES.items()}
_raw_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
# A string, or a comma before a closing bracket.
_COMMAS = re.compile(rb'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)


class NotMended(Exception):
    """A step can't be applied to this letter; it stays as it is. The text says why."""


def check(text: bytes) -> None:
    """Check that a text is a JSON object without doubled keys, since a change would silently drop one of them.

    :raises NotMended: it is not
    """
    try:
        found = strict_parser.parse(text)
    except InvalidEvent as error:
        raise NotMended("it is not JSON") from error
    if not isinstance(found, JsonObject):
        raise NotMended("it is not a JSON object")
    if _has_doubled(found):
        raise NotMended("a key stands twice")


def change(text: bytes, keys: Sequence[str], how: Change, *, create: bool = False) -> bytes:
    """Change the object that has the last of these keys, and return the whole text.

    :param create: make objects that are missing on the way
    :raises NotMended: there is no such object
    """
    return _changed(text, keys, how, create=create, top=True)


def keep_last(text: bytes) -> bytes:
    """Drop all but the last of doubled keys, at any depth.

    :raises NotMended: it is not JSON
    """
    try:
        match text.lstrip()[:1]:
            case b"{":
                return msgspec.json.encode({key: _kept(value) for key, value in raw_members(text).items()})
            case b"[":
                return msgspec.json.encode([_kept(value) for value in _raw_items(text)])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise NotMended("it is not JSON") from error
    return text


def drop_commas(text: bytes) -> bytes:
    """Remove commas before a closing bracket."""
    return _COMMAS.sub(lambda found: b"" if found.group() == b"," else found.group(), text)


def named(members: Members, key: str) -> str:
    """Return the spelling of a field of the event that these members have: `sourceId` or `source_id`."""
    alias = _NAMES.get(key)
    return alias if alias is not None and alias in members and key not in members else key


def _changed(text: bytes, keys: Sequence[str], how: Change, *, create: bool, top: bool = False) -> bytes:
    key, *rest = keys
    if text.lstrip()[:1] == b"[" and rest:
        return _changed_item(text, key, rest, how, create=create)
    try:
        members = raw_members(text)
    except msgspec.MsgspecError as error:
        raise NotMended(f"{key} is not within an object") from error
    key = named(members, key) if top else key
    if not rest:
        how(members, key)
        return msgspec.json.encode(members)
    if key not in members and not create:
        raise NotMended(f"there is no field {key}")
    inner = bytes(members.get(key, msgspec.Raw(b"{}")))
    members[key] = msgspec.Raw(_changed(inner, rest, how, create=create))
    return msgspec.json.encode(members)


def _changed_item(text: bytes, key: str, rest: Sequence[str], how: Change, *, create: bool) -> bytes:
    items = _raw_items(text)
    if not key.isdecimal() or int(key) >= len(items):
        raise NotMended(f"there is no item {key}")
    items[int(key)] = msgspec.Raw(_changed(bytes(items[int(key)]), rest, how, create=create))
    return msgspec.json.encode(items)


def _kept(value: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw(keep_last(bytes(value)))


def _has_doubled(value: object) -> bool:
    if isinstance(value, JsonObject):
        keys = [key for key, _ in value.pairs]
        return len(set(keys)) < len(keys) or any(_has_doubled(member) for _, member in value.pairs)
    return isinstance(value, list) and any(map(_has_doubled, value))
