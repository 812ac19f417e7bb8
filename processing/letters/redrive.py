"""Sends dead letters once more: each as a record of raw-data that says which letter it is of.

The consumer closes a letter when its event ends well (processing.closing); here it is only `sent`. That is committed
before the record goes out, so a letter that was sent always says so. A worker that dies in between leaves the numbers in
the job's place, and its successor sends them again, which the events' identities make harmless.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.conf import settings
from django.db.models import Case, Value, When
from django.db.models.functions import Now

from ingestion import records
from ingestion.partitioner import partition_of
from ingestion.producer_record import ProducerRecord
from processing import jobs
from processing.batch import REDRIVE_OF
from processing.closing import MAX_REDRIVES
from processing.failures import TooLarge
from processing.letters import jobs as letter_jobs
from processing.letters import selection as letters
from processing.letters import text as letter_text
from processing.letters.revision import revise
from processing.letters.selection import MENDABLE, Selection
from processing.models import DeadLetter, DeadLetterAction, Job
from processing.outlet import Outlet

logger = logging.getLogger(__name__)

KIND = "redrive"
CHUNK = 200  # letters, of up to 256 KiB each
MAX_RATE = 10_000  # events a second
TOO_LARGE = "not sent: Kafka takes no record of this size"

Kind = DeadLetterAction.Kind
State = DeadLetter.State


class NotMendable(Exception):
    """The letter is on its way, stored or discarded: there is nothing to edit."""


def request(
    selection: Selection,
    *,
    who: str,
    rate: int | None = None,
    note: str = "",
    up_to: int | None = None,
    worker: str = "",
) -> Job:
    """Make the job that sends letters as they are.

    :param rate: events a second; None: as fast as Kafka takes them
    :param up_to: as for processing.letters.jobs.enqueue
    :param worker: as for jobs.enqueue
    """
    return letter_jobs.enqueue(KIND, selection, who=who, up_to=up_to, worker=worker, rate=rate, note=note)


def request_edited(letter: DeadLetter, text: bytes, *, who: str, now: int, note: str = "", worker: str = "") -> Job:
    """Make the job that sends one letter with other content.

    :param text: the event in the public format
    :param now: microseconds since the epoch
    :raises InvalidEvent: it breaks the contract
    :raises NotMendable: the letter's state allows no edit
    """
    if letter.state not in MENDABLE:
        raise NotMendable
    line = revise(letter, text, now=now)
    return letter_jobs.enqueue(
        KIND, Selection(ids=(letter.pk,)), who=who, up_to=letter.pk, worker=worker, edited=line.decode(), note=note
    )


class Redrive:
    """The step of redrive jobs, with its producer; for one thread."""

    def __init__(self) -> None:
        self._outlet = Outlet()

    def step(self, job: Job) -> float | None:
        """Send one chunk; see jobs.Step."""
        began = time.monotonic()
        letter_jobs.begin(job)
        if job.cancel_requested:
            _give_back(job)
            return 0.0
        numbers = job.place.get(jobs.IN_HAND) or _mark_sent(job)
        if not numbers:
            return None
        refused = self._send(numbers)
        job.place = {"after": numbers[-1], "until": job.place["until"]}
        with letter_jobs.chunk():
            letter_jobs.note(_open_again(refused), kind=Kind.FAILED, job=job, text=TOO_LARGE)
            jobs.advance(job, done=len(numbers) - len(refused))
        rate = job.arguments.get("rate")
        return max(0.0, len(numbers) / rate - (time.monotonic() - began)) if rate else 0.0

    def _send(self, numbers: Sequence[int]) -> list[int]:
        """Send letters; gives those that Kafka refuses: compressed by who sent them, they were within its limit."""
        found = _on_their_way(numbers)
        try:
            self._publish(found)
        except TooLarge:
            refused = [letter.pk for letter in found if not self._takes(letter)]
            logger.warning("dead letters are too large for Kafka", extra={"letters": refused})
            return refused
        return []

    def _takes(self, letter: DeadLetter) -> bool:
        try:
            self._publish([letter])
        except TooLarge:
            return False
        return True

    def _publish(self, found: Sequence[DeadLetter]) -> None:
        self._outlet.send(
            settings.KAFKA_TOPIC_RAW_DATA, lambda partitions: [record_of(letter, partitions) for letter in found]
        )


def record_of(letter: DeadLetter, partitions: int) -> ProducerRecord:
    """Build the record that redrives a letter: in the form in which it was sent, or in ours when it was edited."""
    value = bytes(letter.raw if letter.edited is None else letter.edited)
    lines = letter_text.canonical(letter) if letter.edited is None else letter_text.lines_of(value)
    marks = records.headers(count=len(lines)) if lines else []
    sources = {line.source for line in lines} or {letter.source_id}
    source = sources.pop() if len(sources) == 1 else ""
    return ProducerRecord(
        # Without one source its place is as good as any.
        partition=partition_of(source, partitions) if source else letter.partition % partitions,
        key=source.encode() or None,
        value=value,
        headers=[*marks, (REDRIVE_OF, b"%d" % letter.pk)],
    )


def _mark_sent(job: Job) -> list[int]:
    """Mark the next letters in one transaction with the job's place, so that they are known to be in hand."""
    rate, edited = job.arguments.get("rate"), job.arguments.get("edited")
    with letter_jobs.chunk():
        numbers = letter_jobs.lock_next(job, most=min(CHUNK, rate or CHUNK))
        if not numbers:
            return []
        changes = {} if edited is None else {"edited": edited.encode()}
        chosen = DeadLetter.objects.filter(id__in=numbers)
        chosen.update(state=State.SENT, sent_at=Now(), **changes)
        # Also by an earlier job, of which it was given back.
        other = set(chosen.filter(edited__isnull=False).values_list("id", flat=True))
        letter_jobs.note(sorted(other), kind=Kind.EDITED, job=job)
        letter_jobs.note(sorted(set(numbers) - other), kind=Kind.REDRIVEN, job=job)
        job.place = {**job.place, jobs.IN_HAND: numbers}
        jobs.advance(job)
    return numbers


def _give_back(job: Job) -> None:
    """Let letters in hand wait again: Kafka may have none of them. One that it has is closed by the next redrive."""
    numbers = job.place.pop(jobs.IN_HAND)
    with letter_jobs.chunk():
        _open_again(numbers)
        jobs.advance(job)


def _open_again(numbers: Sequence[int]) -> list[int]:
    """Take back, within the chunk's transaction, that letters were sent; gives those that have not come to an end."""
    waiting = letters.on_their_way(DeadLetter.objects.filter(id__in=numbers)).order_by("id")
    found = list(waiting.select_for_update(of=("self",)).values_list("id", flat=True))
    state = Case(When(redrives__gte=MAX_REDRIVES, then=Value(State.PARKED)), default=Value(State.OPEN))
    DeadLetter.objects.filter(id__in=found).update(state=state)
    return found


def _on_their_way(numbers: Sequence[int]) -> list[DeadLetter]:
    """Load letters in hand, but for those that have come to their end: a worker before us had sent them."""
    return list(letters.on_their_way(DeadLetter.objects.filter(id__in=numbers)).order_by("id"))
