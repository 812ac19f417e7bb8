"""Cursors: opaque, signed texts that say where a list goes on."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from django.core.signing import BadSignature, Signer

from queries.parameters import InvalidParameter

CursorType = TypeVar("CursorType", bound=msgspec.Struct)


def write(cursor: msgspec.Struct) -> str:
    """Give a cursor as text for an address; signed, since it is trusted when it comes back."""
    text: str = _signer(type(cursor)).sign_object(msgspec.to_builtins(cursor))
    return text


def read(text: str, kind: type[CursorType]) -> CursorType:
    """Read a cursor that `write` gave.

    :raises InvalidParameter: it is another text, or one of another list
    """
    try:
        return msgspec.convert(_signer(kind).unsign_object(text), kind)
    except (BadSignature, ValueError) as error:
        raise InvalidParameter("cursor", "cursor: expected one as given in `next` or `previous`, unchanged") from error


def _signer(kind: type[msgspec.Struct]) -> Signer:
    return Signer(salt=f"dataflow.cursor.{kind.__name__}")
