"""Redrives and discards dead letters: makes a job, or does a dry run.

Only for operators of all sources: a job may send an event to another source, and it closes whole chains.
"""

from __future__ import annotations

from ingestion.auth.read_scope import ReadScope
from ingestion.events import timestamps
from processing.dead_letters import dry_run, redrive, serializers
from processing.dead_letters.closing import discard
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.filters import REDRIVABLE, LetterFilter
from processing.dead_letters.redrive import NotRedrivable
from processing.dead_letters.schemas import DiscardRehearsal, RedriveRehearsal
from processing.models import DeadLetter, Job
from queries.dead_letters import listing
from queries.dead_letters.bodies import DiscardMany, DiscardOne, RedriveMany, RedriveOne
from queries.reads import postgres

Outcome = Job | RedriveRehearsal | DiscardRehearsal


def redrive_one(body: RedriveOne, *, scope: ReadScope, who: str, number: int) -> Job | RedriveRehearsal:
    """Redrive one letter, with the body's event if it has one.

    :raises RequestRejected: the scope is not everything
    :raises DeadLetterNotFound: there is no letter of this number
    :raises NotMendable: it was redriven and is in flight, or is stored or discarded
    :raises InvalidEvent: the body's event breaks the contract
    """
    letter = _mendable(number, scope)
    if body.event:
        return _redrive_edited(letter, bytes(body.event), body, who=who, now=timestamps.now())
    selection = LetterFilter(ids=(number,))
    if body.dry_run:
        return serializers.redrive_dry_run(dry_run.dry_run(selection))
    with postgres.bounded():
        return redrive.request(selection, who=who, note=body.note)


def redrive_many(body: RedriveMany, *, scope: ReadScope, who: str) -> Job | RedriveRehearsal:
    """Redrive letters as they came, or mended.

    :raises RequestRejected: the scope is not everything
    :raises InvalidBody: a step of the mend can't be used
    """
    scope.require_whole()
    selection, mend = body.selection(), body.steps()
    if body.dry_run:
        return serializers.redrive_dry_run(dry_run.dry_run(selection, up_to=body.up_to, mend=mend))
    with postgres.bounded():
        return redrive.request(selection, who=who, rate=body.rate, note=body.note, mend=mend, up_to=body.up_to)


def discard_one(body: DiscardOne, *, scope: ReadScope, who: str, number: int) -> Job | DiscardRehearsal:
    """Discard one letter.

    :raises RequestRejected: the scope is not everything
    :raises DeadLetterNotFound: there is no letter of this number
    :raises NotMendable: it was redriven and is in flight, or is stored or discarded
    """
    _mendable(number, scope)
    return _discard(LetterFilter(ids=(number,)), body, who=who, up_to=number)


def discard_many(body: DiscardMany, *, scope: ReadScope, who: str) -> Job | DiscardRehearsal:
    """Discard letters.

    :raises RequestRejected: the scope is not everything
    """
    scope.require_whole()
    return _discard(body.selection(), body, who=who, up_to=body.up_to)


def _discard(
    selection: LetterFilter, body: DiscardOne | DiscardMany, *, who: str, up_to: int | None
) -> Job | DiscardRehearsal:
    with postgres.bounded():
        if body.dry_run:
            return serializers.discard_dry_run(selection, up_to=up_to)
        return discard.request(selection, who=who, note=body.note, up_to=up_to)


def _redrive_edited(
    letter: DeadLetter, event: bytes, body: RedriveOne, *, who: str, now: int
) -> Job | RedriveRehearsal:
    if body.dry_run:
        return serializers.redrive_dry_run(dry_run.dry_run_edited(letter, edit_letter(letter, event, now=now)))
    with postgres.bounded():
        return redrive.request_edited(letter, event, who=who, now=now, note=body.note)


def _mendable(number: int, scope: ReadScope) -> DeadLetter:
    scope.require_whole()
    letter = listing.find(number, scope=scope)
    if letter.state not in REDRIVABLE:
        raise NotRedrivable
    return letter
