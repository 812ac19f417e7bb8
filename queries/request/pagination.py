"""Pages of a list, and the signed cursors that lead from one page to the next and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar
from urllib.parse import urlencode

import msgspec
from django.core.signing import BadSignature, Signer
from rest_framework.request import Request

from queries.request.query_params import InvalidParameter, Parameters
from queries.schemas import Page

Row = TypeVar("Row")
Item = TypeVar("Item")
Cursor = TypeVar("Cursor", bound=msgspec.Struct)

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_OFFSET = 10_000
MAX_CURSOR = 8_192  # characters; an address has no room for more


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """The rows of one page in the list's order, and whether more rows exist on either side."""

    rows: list[Row]
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[Item]):
    """One page as a read returns it. `next` and `previous` are cursors; None: there is no such page."""

    next: str | None
    previous: str | None
    results: list[Item]


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a list, from which the addresses of its pages are built."""

    url: str  # without parameters
    parameters: Mapping[str, Sequence[str]]  # by snake_case names

    @classmethod
    def of(cls, request: Request, parameters: Parameters) -> Self:
        """Return the address of the list that a request asks for."""
        return cls(request.build_absolute_uri(request.path), parameters.given)

    @property
    def key(self) -> str:
        """Return a text that is the same for the same address, in whatever order its parameters were sent."""
        return f"{self.url}?{urlencode(sorted((name, list(values)) for name, values in self.parameters.items()), doseq=True)}"

    def without(self, is_left_out: Callable[[str], bool]) -> Self:
        """Return the address without some of its parameters, by their names."""
        kept = {name: values for name, values in self.parameters.items() if not is_left_out(name)}
        return replace(self, parameters=kept)

    def at(self, cursor: str | None) -> str | None:
        """Return the address of the page at a cursor; None: there is no such page."""
        if cursor is None:
            return None
        kept = {name: values for name, values in self.parameters.items() if name not in {"cursor", "offset"}}
        return f"{self.url}?{urlencode(kept | {'cursor': [cursor]}, doseq=True)}"


def limit(parameters: Parameters) -> int:
    """Return the number of rows on a page."""
    return parameters.integer("limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)


def offset(parameters: Parameters) -> int:
    """Return the number of rows to skip. The cost of the read grows with it."""
    skipped = parameters.integer(
        "offset", default=0, least=0, most=MAX_OFFSET, hint="; to read further, follow `next`, which carries a cursor"
    )
    if skipped and "cursor" in parameters.given:
        raise InvalidParameter("offset", "offset: expected without a cursor, which has a position of its own")
    return skipped


def cut(rows: list[Row], *, limit: int, backward: bool, continued: bool) -> Slice[Row]:
    """Return the slice of rows that were read with one more than `limit`, away from the cursor.

    :param continued: the page is not the first of the list
    """
    more = len(rows) > limit
    kept = rows[:limit]
    if backward:
        return Slice(kept[::-1], before=more, after=True)
    return Slice(kept, before=continued, after=more)


def page(
    part: Slice[Row],
    *,
    forward: Callable[[Row], msgspec.Struct],
    backward: Callable[[Row], msgspec.Struct],
    shape: Callable[[Row], Item],
) -> CursorPage[Item]:
    """Build a page; `forward` and `backward` return the cursor that continues after or before a row."""
    rows = part.rows
    return CursorPage(
        next=write_cursor(forward(rows[-1])) if part.after and rows else None,
        previous=write_cursor(backward(rows[0])) if part.before and rows else None,
        results=[shape(row) for row in rows],
    )


def as_json(found: CursorPage[Item], address: Address) -> Page[Item]:
    """Return a page as JSON, with addresses in place of cursors."""
    return {"next": address.at(found.next), "previous": address.at(found.previous), "results": found.results}


class _Beside(msgspec.Struct):
    next: str | None = None
    previous: str | None = None


def links(body: bytes) -> dict[str, str]:
    """Return the header that names the pages beside a page in JSON (RFC 8288); without any there is none."""
    page = msgspec.json.decode(body, type=_Beside)
    return link_header(page.next, page.previous)


def link_header(next_: str | None, previous: str | None) -> dict[str, str]:
    """Return the header that names the pages at these addresses; without any there is none."""
    beside = (("next", next_), ("prev", previous))
    found = [f'<{address}>; rel="{relation}"' for relation, address in beside if address is not None]
    return {"Link": ", ".join(found)} if found else {}


def write_cursor(cursor: msgspec.Struct) -> str:
    """Return a cursor as signed text. The signature is why a cursor can be trusted when it comes back."""
    # A list of many sources would not fit into an address.
    text: str = _signer(type(cursor)).sign_object(msgspec.to_builtins(cursor), compress=True)
    return text


def cursor(parameters: Parameters, kind: type[Cursor]) -> Cursor | None:
    """Return the parameter `cursor`.

    :raises InvalidParameter: it can't be used
    """
    text = parameters.text("cursor", most=MAX_CURSOR)
    return None if text is None else read_cursor(text, kind)


def read_cursor(text: str, kind: type[Cursor]) -> Cursor:
    """Parse a cursor that `write_cursor` returned.

    :raises InvalidParameter: it is another text, or a cursor of another list
    """
    try:
        return msgspec.convert(_signer(kind).unsign_object(text), kind)
    except (BadSignature, ValueError) as error:
        raise InvalidParameter("cursor", "cursor: expected one as given in `next` or `previous`, unchanged") from error


def _signer(kind: type[msgspec.Struct]) -> Signer:
    return Signer(salt=f"dataflow.cursor.{kind.__name__}")
