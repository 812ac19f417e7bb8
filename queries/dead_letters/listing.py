"""Dead letters: the lines that could not become events, newest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Self

from ingestion.auth.read_scope import ReadScope
from processing.dead_letters import scoped_letters, serializers
from processing.dead_letters.filters import LetterFilter
from processing.dead_letters.schemas import DeadLetterDetail, DeadLetterShape
from processing.models import DeadLetter
from queries.dead_letters import filters
from queries.reads import postgres
from queries.request import id_pagination
from queries.request.id_pagination import IdCursor, IdPage
from queries.request.pagination import CursorPage
from queries.request.query_params import Parameters

PARAMETERS = (*filters.PARAMETERS, *id_pagination.PARAMETERS)


class DeadLetterNotFound(Exception):
    """There is no dead letter of this number; answer 404."""


class DeadLetterCursor(IdCursor, frozen=True):
    """A position in the list of dead letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which dead letters to read, and which page of them."""

    selection: LetterFilter = field(default_factory=LetterFilter)
    page: IdPage = field(default_factory=lambda: IdPage(kind=DeadLetterCursor))

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """Parse the query parameters.

        :raises InvalidParameter: a value can't be used
        """
        return cls(
            selection=filters.from_parameters(parameters),
            page=IdPage.from_parameters(parameters, DeadLetterCursor),
        )


def page(query: DeadLetterQuery, *, scope: ReadScope) -> CursorPage[DeadLetterShape]:
    """Read one page of the dead letters in the scope.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    rows = scoped_letters.within(query.selection.query().select_related("topic").defer("raw", "edited"), scope)
    return id_pagination.page(rows, query.page, shape=partial(serializers.letter, scope=scope))


def find(number: int, *, scope: ReadScope) -> DeadLetter:
    """Return one dead letter.

    :raises DeadLetterNotFound: there is none in the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        row = scoped_letters.within(DeadLetter.objects.select_related("topic"), scope).filter(id=number).first()
    if row is None:
        raise DeadLetterNotFound
    return row


def one(number: int, *, scope: ReadScope, whole: bool) -> DeadLetterDetail:
    """Return one dead letter with the bytes as sent, what is wrong with them and the history of actions.

    :param whole: include every byte, not only the preview
    :raises DeadLetterNotFound: there is none in the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    row = find(number, scope=scope)
    with postgres.bounded():
        return serializers.detail(row, scope=scope, whole=whole)
