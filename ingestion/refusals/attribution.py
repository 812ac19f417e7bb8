"""Whose a refused request was: the source that its readers may see it by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from ingestion.auth.api_keys import Grant
from ingestion.events.batch import Sent
from ingestion.events.identity.source_ids import slug
from ingestion.events.model import SOURCE_ID_PATTERN
from ingestion.refusals.attempt import Way

# In JSON that is cut off or broken, and in line protocol.
_ID = re.compile(rb'"sourceId"\s*+:\s*+"([^"\\]{1,128})"|,(?:sourceId|source_id)=([^,= \\]{1,128})')
_CLOUD = re.compile(rb'"source"\s*+:\s*+"([^"\\]{1,512})"')
# Before anything nested, so that it is the event's own and not one of its payload.
_FIRST = rb"\s*+\{[^{\[]*?"


class _Members(msgspec.Struct):
    """Where an event names its source."""

    source_id: str = msgspec.field(name="sourceId", default="")
    source: str = ""


class _Named(NamedTuple):
    """The sources that a text names."""

    names: frozenset[str]
    complete: bool  # no other source can stand in it


_decode = msgspec.json.Decoder(_Members).decode
_NOTHING = _Named(frozenset(), complete=False)


def source_of(sent: Sent | None, way: Way, grant: Grant | None) -> str:
    """Return the source that an attempt is of; empty: unknown, and only readers of all sources may see it.

    A text names its source itself, so the key decides: an attempt never counts as of a source that its key is not for. What a
    key for one source sends is of that source, unless it names another.
    """
    if grant is None or (way is Way.GRPC and sent is not None and not sent.one_event):
        # Which sources are in a message of Protocol Buffers that was refused as a whole can't be told.
        return ""
    named = _named(sent, way) if sent is not None else _NOTHING
    names = {name for name in named.names if SOURCE_ID_PATTERN.fullmatch(name)}
    own = _only(grant)
    if own and names <= {own}:
        return own
    if len(names) != 1 or not named.complete or grant.outside(names):
        return ""
    return names.pop()


def _only(grant: Grant) -> str:
    """Return the one source that a key is for; empty: it is for several."""
    if grant.sources is None or len(grant.sources) != 1 or grant.beginnings:
        return ""
    [only] = grant.sources
    return only


def _named(sent: Sent, way: Way) -> _Named:
    if sent.source:
        return _Named(frozenset({sent.source}), complete=True)
    is_cloud = way is Way.CLOUDEVENTS
    if sent.whole and (member := _member(sent.beginning, is_cloud=is_cloud)):
        return _Named(frozenset({_id(member) if is_cloud else member}), complete=True)
    form = _CLOUD if is_cloud else _ID
    if sent.one_event and not sent.whole:
        first = re.match(_FIRST + b"(?:" + form.pattern + b")", sent.beginning)
        return _Named(_ids([first], is_cloud=is_cloud), complete=True) if first else _NOTHING
    return _Named(_ids(form.finditer(sent.beginning), is_cloud=is_cloud), complete=sent.whole)


def _member(text: bytes, *, is_cloud: bool) -> str:
    try:
        members = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return members.source if is_cloud else members.source_id


def _ids(found: Iterable[re.Match[bytes]], *, is_cloud: bool) -> frozenset[str]:
    names = [(match[1] or match[match.lastindex or 1]).decode(errors="replace") for match in found]
    return frozenset(map(_id, names)) if is_cloud else frozenset(names)


def _id(name: str) -> str:
    """Return the id of a CloudEvent's source, as its receiver makes it."""
    return name if SOURCE_ID_PATTERN.fullmatch(name) else slug(name)
