"""Dead letters: the lines that could not become events, newest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from processing.letters import as_json
from processing.letters.selection import Selection
from processing.letters.shapes import DeadLetterDetail, DeadLetterShape
from processing.models import DeadLetter
from queries import by_number, letter_query, paging, postgres
from queries.by_number import NumberCursor, Place
from queries.parameters import Parameters
from queries.shapes import Page

PARAMETERS = (*letter_query.PARAMETERS, *by_number.PARAMETERS)


class DeadLetterNotFound(Exception):
    """There is no dead letter of this number; answer 404."""


class DeadLetterCursor(NumberCursor, frozen=True):
    """A place in the list of dead letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which dead letters, from where."""

    selection: Selection = field(default_factory=Selection)
    place: Place = field(default_factory=lambda: Place(kind=DeadLetterCursor))

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Read the query.

        :raises InvalidParameter: a value can't be used
        """
        return cls(
            selection=letter_query.from_parameters(parameters),
            place=Place.from_parameters(parameters, DeadLetterCursor),
        )


def page(query: DeadLetterQuery, *, address: paging.Address) -> Page[DeadLetterShape]:
    """Read one page of dead letters.

    :raises StoreUnavailable: PostgreSQL does not answer
    """
    rows = query.selection.query().select_related("topic").defer("raw", "edited")
    return by_number.page(rows, query.place, address=address, shape=as_json.letter)


def find(number: int) -> DeadLetter:
    """Give one dead letter.

    :raises DeadLetterNotFound: there is none
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = DeadLetter.objects.select_related("topic").filter(id=number).first()
    if row is None:
        raise DeadLetterNotFound
    return row


def one(number: int, *, whole: bool) -> DeadLetterDetail:
    """Give one dead letter with what was sent, what is wrong with it and what was done about it.

    :param whole: every byte, not only the preview
    :raises DeadLetterNotFound: there is none
    :raises StoreUnavailable: PostgreSQL does not answer
    """
    row = find(number)
    with postgres.bounded():
        return as_json.detail(row, whole=whole)
