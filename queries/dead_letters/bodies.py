"""The JSON bodies that redrive or discard dead letters."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingestion.problems import Code
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.mending import steps
from processing.dead_letters.mending.steps import InvalidMend, Mend, Steps
from processing.dead_letters.redrive import MAX_RATE
from queries.dead_letters.filters import Filter, Number
from queries.request.json_body import InvalidBody

MOST_NUMBERS = 1_000  # letters listed one by one; a filter may match any number

Note = Annotated[str, msgspec.Meta(max_length=1_000)]
Why = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"\S")]
Rate = Annotated[int, msgspec.Meta(ge=1, le=MAX_RATE)]


class RedriveOne(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Redrive a letter: as it came, or with the event given here instead."""

    event: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    note: Note = ""
    dry_run: bool = False


class DiscardOne(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Discard a letter; the note says why."""

    note: Why
    dry_run: bool = False


class Chosen(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Letters by their numbers or by a filter; an empty filter matches every open letter.

    `upTo` is the newest number to include; by default it is the newest number at the time of the request.
    """

    ids: Annotated[list[Number], msgspec.Meta(min_length=1, max_length=MOST_NUMBERS)] | None = None
    filter: Filter | None = None
    up_to: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    dry_run: bool = False

    def selection(self) -> LetterFilter:
        """Return the letters to redrive or discard.

        :raises InvalidBody: the body has both ids and filter, or neither
        """
        if (self.ids is None) == (self.filter is None):
            raise InvalidBody(Code.INVALID_PARAMETER, "the body: expected either ids or filter")
        return LetterFilter(ids=tuple(self.ids)) if self.ids else (self.filter or Filter()).selection()


class RedriveMany(Chosen, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Redrive letters as they came, or after the steps of a `mend`; `rate` is in events per second."""

    rate: Rate | None = None
    note: Note = ""
    mend: Steps | None = None

    def steps(self) -> Mend | None:
        """Return the steps that change each letter; None: none.

        :raises InvalidBody: a step can't be used
        """
        try:
            return None if self.mend is None else steps.checked(self.mend)
        except InvalidMend as error:
            raise InvalidBody(Code.INVALID_PARAMETER, str(error), pointer="/mend") from error


class DiscardMany(Chosen, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Discard letters; the note says why."""

    note: Why
