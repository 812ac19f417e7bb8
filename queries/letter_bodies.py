"""What a request to redrive or discard dead letters may say."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingestion.problems import Code
from processing.letters.redrive import MAX_RATE
from processing.letters.selection import Selection
from queries.bodies import InvalidBody
from queries.letter_query import Filter, Number

MOST_NUMBERS = 1_000  # letters named one by one; a filter names any number

Note = Annotated[str, msgspec.Meta(max_length=1_000)]
Why = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"\S")]
Rate = Annotated[int, msgspec.Meta(ge=1, le=MAX_RATE)]


class RedriveOne(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Send a letter once more: as it came, or the event given here instead."""

    event: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    note: Note = ""
    dry_run: bool = False


class DiscardOne(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Give a letter up; the note says why."""

    note: Why
    dry_run: bool = False


class Chosen(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Letters by their numbers or by a filter; an empty filter means every open one.

    `upTo` is the newest number that is meant; without it the newest there is when the request comes in.
    """

    ids: Annotated[list[Number], msgspec.Meta(min_length=1, max_length=MOST_NUMBERS)] | None = None
    filter: Filter | None = None
    up_to: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    dry_run: bool = False

    def selection(self) -> Selection:
        """Give the letters that are meant.

        :raises InvalidBody: they are named both ways, or not at all
        """
        if (self.ids is None) == (self.filter is None):
            raise InvalidBody(Code.INVALID_PARAMETER, "the body: expected either ids or filter")
        return Selection(ids=tuple(self.ids)) if self.ids else (self.filter or Filter()).selection()


class RedriveMany(Chosen, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Send letters once more, as they came; `rate` is in events a second."""

    rate: Rate | None = None
    note: Note = ""


class DiscardMany(Chosen, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Give letters up; the note says why."""

    note: Why
