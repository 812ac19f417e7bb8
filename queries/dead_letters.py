"""Dead letters: the lines that could not become events, newest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from processing.letters import as_json
from processing.letters.selection import Selection
from processing.letters.shapes import DeadLetterDetail, DeadLetterShape
from processing.models import DeadLetter
from queries import by_number, letter_query, postgres
from queries.by_number import IdPage, NumberCursor
from queries.paging import CursorPage
from queries.parameters import Parameters

PARAMETERS = (*letter_query.PARAMETERS, *by_number.PARAMETERS)


class DeadLetterNotFound(Exception):
    """There is no dead letter of this number; answer 404."""


class DeadLetterCursor(NumberCursor, frozen=True):
    """A position in the list of dead letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which dead letters to read, and which page of them."""

    selection: Selection = field(default_factory=Selection)
    page: IdPage = field(default_factory=lambda: IdPage(kind=DeadLetterCursor))

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        return cls(
            selection=letter_query.from_parameters(parameters),
            page=IdPage.from_parameters(parameters, DeadLetterCursor),
        )


def page(query: DeadLetterQuery) -> CursorPage[DeadLetterShape]:
    """Read one page of dead letters.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    rows = query.selection.query().select_related("topic").defer("raw", "edited")
    return by_number.page(rows, query.page, shape=as_json.letter)


def find(number: int) -> DeadLetter:
    """Return one dead letter.

    :raises DeadLetterNotFound: there is none
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = DeadLetter.objects.select_related("topic").filter(id=number).first()
    if row is None:
        raise DeadLetterNotFound
    return row


def one(number: int, *, whole: bool) -> DeadLetterDetail:
    """Return one dead letter with the bytes as sent, what is wrong with them and the history of actions.

    :param whole: include every byte, not only the preview
    :raises DeadLetterNotFound: there is none
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    row = find(number)
    with postgres.bounded():
        return as_json.detail(row, whole=whole)
