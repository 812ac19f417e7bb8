"""Revisions of logic: read, saved, compared, made current. Only whoever may see every source reads them."""

from __future__ import annotations

from typing import NamedTuple

from ingestion.auth.read_scope import ReadScope
from processing.logic.presentation import shapes
from processing.logic.presentation.shapes import CurrentLogic, DiffShape, RevisionDetail, RevisionShape
from processing.logic.revisions import pointers, saving
from processing.logic.revisions.rows import UnknownRevision
from processing.models import LogicRevision
from queries.logic import bodies
from queries.logic.bodies import Activation, NewRevision
from queries.reads import postgres
from queries.request import id_pagination
from queries.request.id_pagination import IdCursor, IdPage
from queries.request.pagination import CursorPage
from queries.request.query_params import Parameters

PARAMETERS = id_pagination.PARAMETERS
DIFF_PARAMETERS = ("to",)
# Seconds: a revision of many rules and tables is compiled meanwhile, and others may save theirs before.
SAVE_SECONDS = 30.0


class RevisionCursor(IdCursor, frozen=True):
    """A position in the list of revisions."""


class Saved(NamedTuple):
    """A revision, and whether it is a new one."""

    revision: RevisionDetail
    new: bool


def current(*, scope: ReadScope) -> CurrentLogic:
    """Return what is done with events now."""
    scope.require_whole()
    with postgres.bounded():
        return shapes.current()


def page(parameters: Parameters, *, scope: ReadScope) -> CursorPage[RevisionShape]:
    """Read one page of revisions, newest first.

    :raises InvalidParameter: a value can't be used
    """
    scope.require_whole()
    wanted = IdPage.from_parameters(parameters, RevisionCursor)
    with postgres.bounded():
        return id_pagination.page(LogicRevision.objects.all(), wanted, shape=shapes.revision)


def one(number: int, *, scope: ReadScope) -> RevisionDetail:
    """Return a revision with its content.

    :raises UnknownRevision: there is none of this number
    """
    scope.require_whole()
    with postgres.bounded():
        return shapes.detail(_find(number, scope=scope))


def difference(number: int, parameters: Parameters, *, scope: ReadScope) -> DiffShape:
    """Return how the revision `to`, or the current one, differs from another.

    :raises UnknownRevision: there is none of one of these numbers
    :raises InvalidParameter: a value can't be used
    """
    scope.require_whole()
    to = parameters.integer("to", default=-1, least=0, most=bodies.MOST)
    with postgres.bounded():
        return shapes.difference(_bounded(number), shapes.current_number() if to < 0 else to)


def save(body: NewRevision, *, who: str, scope: ReadScope) -> Saved:
    """Save a revision; return the one it is made from, if it changes nothing.

    :raises InvalidLogic: it can't be used
    :raises Conflict: another one was saved or made current since its base
    :raises UnknownRevision: its base is not there
    """
    scope.require_whole()
    content = bodies.content_of(body)
    with postgres.bounded(SAVE_SECONDS), pointers.below("/content"):
        row = saving.save(
            content, base=body.base, who=who, reason=body.reason, activate=body.activate,
            allow_unmatched=body.allow_unmatched,
        )  # fmt: skip
        return Saved(shapes.detail(row), new=row.number != body.base)


def activate(number: int, body: Activation, *, who: str, scope: ReadScope) -> CurrentLogic:
    """Make a revision current; 0: no logic.

    :raises Conflict: another one is current than the body expects
    :raises UnknownRevision: there is none of this number
    :raises InvalidLogic: an older release saved what this one can't use
    """
    scope.require_whole()
    with postgres.bounded(SAVE_SECONDS):
        saving.activate(_bounded(number), who=who, reason=body.reason, expected=body.expected)
        return shapes.current()


def _find(number: int, *, scope: ReadScope) -> LogicRevision:
    scope.require_whole()
    row = LogicRevision.objects.filter(number=_bounded(number)).first()
    if row is None:
        raise UnknownRevision(number)
    return row


def _bounded(number: int) -> int:
    """Return a number that PostgreSQL can compare."""
    if number > bodies.MOST:
        raise UnknownRevision(number)
    return number
