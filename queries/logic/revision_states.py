"""Which revisions are current, drafts or earlier ones, and when one was made current."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypedDict

from ingestion.auth.read_scope import ReadScope
from ingestion.events.timestamps import to_text
from processing.logic.presentation import shapes
from processing.models import LogicActivation
from queries.reads import postgres

State = Literal["current", "earlier", "draft"]

MOST_ACTIVATIONS = 20


class Activated(TypedDict):
    """A revision was made current."""

    at: str
    who: str
    reason: str


def states(numbers: Collection[int], *, scope: ReadScope) -> dict[int, State]:
    """Return the state of each of these revisions.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        current = shapes.current_number()
        earlier = set(LogicActivation.objects.filter(revision__in=numbers).values_list("revision", flat=True))
    return {
        number: "current" if number == current else "earlier" if number in earlier else "draft" for number in numbers
    }


def activations(number: int, *, scope: ReadScope) -> list[Activated]:
    """Return when a revision was made current, last first.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        found = list(LogicActivation.objects.filter(revision=number)[:MOST_ACTIVATIONS])
    return [{"at": to_text(each.at), "who": each.who, "reason": each.reason} for each in found]
