"""Redrive dead letters: send each to raw-data again, as a record with the letter's number in a header.

The consumer closes a letter when its event is stored (processing.stores.redrive_outcomes); here it becomes only `sent`. That state is
committed before the record is sent. If the worker dies in between, the numbers stay in the job's `place` and the next
worker sends them again. Sending twice is harmless, since events have identities.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.conf import settings
from django.db.models import Case, Value, When
from django.db.models.functions import Now

from ingestion.kafka import record_encoder, record_headers
from ingestion.kafka.partitioner import partition_of
from ingestion.kafka.producer_record import ProducerRecord
from ingestion.kafka.record_headers import Headers
from ingestion.problems import Code
from processing.dead_letters import filters, jobs, rendering
from processing.dead_letters.edit import edit_letter
from processing.dead_letters.filters import REDRIVABLE, LetterFilter
from processing.dead_letters.mending import chunks, steps
from processing.dead_letters.mending.steps import Mend
from processing.errors import TooLarge
from processing.events import skipped_lines
from processing.jobs import queue
from processing.kafka.publisher import RecordPublisher
from processing.models import DeadLetter, DeadLetterAction, Job
from processing.stores.redrive_outcomes import MAX_REDRIVES

logger = logging.getLogger(__name__)

KIND = "redrive"
CHUNK = 200  # letters, of up to 256 KiB each
MAX_RATE = 10_000  # events a second
TOO_LARGE = "not sent: Kafka takes no record of this size"

Kind = DeadLetterAction.Kind
State = DeadLetter.State


class NotRedrivable(Exception):
    """The letter is sent, stored or discarded, so it can't be redriven or edited."""


def request(  # noqa: PLR0913 - what there is to say about a redrive
    selection: LetterFilter,
    *,
    who: str,
    rate: int | None = None,
    note: str = "",
    mend: Mend | None = None,
    up_to: int | None = None,
    worker: str = "",
) -> Job:
    """Create the job that sends letters.

    :param rate: events per second; None: no limit
    :param mend: changes each letter before it is sent, and leaves open those that it does not fix; None: sent as they are
    :param up_to: as for processing.dead_letters.jobs.enqueue
    :param worker: as for jobs.enqueue
    """
    mending = {} if mend is None else {"mend": steps.to_json(mend)}
    return jobs.enqueue(KIND, selection, who=who, up_to=up_to, worker=worker, rate=rate, note=note, **mending)


def request_edited(letter: DeadLetter, text: bytes, *, who: str, now: int, note: str = "", worker: str = "") -> Job:
    """Create the job that sends one letter with other content.

    :param text: the event in the public format
    :param now: microseconds since the epoch
    :raises InvalidEvent: `text` is not a valid event
    :raises NotMendable: the letter's state allows no edit
    """
    if letter.state not in REDRIVABLE:
        raise NotRedrivable
    line = edit_letter(letter, text, now=now)
    return jobs.enqueue(
        KIND, LetterFilter(ids=(letter.pk,)), who=who, up_to=letter.pk, worker=worker, edited=line.decode(), note=note
    )


class Redrive:
    """The step of redrive jobs, with its producer; for one thread."""

    def __init__(self) -> None:
        self._outlet = RecordPublisher()

    def step(self, job: Job) -> float | None:
        """Send one chunk; see jobs.Step."""
        began = time.monotonic()
        jobs.set_range(job)
        if job.cancel_requested:
            _reopen_chunk(job)
            return 0.0
        numbers = job.place.get(queue.CURRENT_CHUNK) or _mark_sent(job)
        if numbers is None:
            queue.advance(job, message=chunks.told(job))
            return None
        refused = self._send(numbers)
        job.place = _beyond(job, numbers)
        with jobs.chunk_transaction():
            jobs.record_action(_reopen(refused), kind=Kind.FAILED, job=job, text=TOO_LARGE)
            queue.advance(job, done=len(numbers) - len(refused))
        rate = job.arguments.get("rate")
        return max(0.0, len(numbers) / rate - (time.monotonic() - began)) if rate else 0.0

    def _send(self, numbers: Sequence[int]) -> list[int]:
        """Send letters; return the numbers that Kafka refuses as too large: only compressed were they within its limit."""
        found = _load_in_flight(numbers)
        try:
            self._publish(found)
        except TooLarge:
            refused = [letter.pk for letter in found if not self._is_accepted(letter)]
            logger.warning("dead letters are too large for Kafka", extra={"letters": refused})
            return refused
        return []

    def _is_accepted(self, letter: DeadLetter) -> bool:
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
    """Build the record that redrives a letter: its original bytes, or a canonical line if it was edited."""
    value = bytes(letter.raw if letter.edited is None else letter.edited)
    lines = rendering.canonical_lines(letter) if letter.edited is None else rendering.parse_lines(value)
    marks = record_encoder.headers(count=len(lines)) if lines else []
    if letter.reason == Code.UNSUPPORTED_VERSION and letter.edited is None:
        marks = _marks_of_newer(letter)
    sources = {line.source for line in lines} or {letter.source_id}
    source = sources.pop() if len(sources) == 1 else ""
    return ProducerRecord(
        # Without a single source, any partition is right.
        partition=partition_of(source, partitions) if source else letter.partition % partitions,
        key=source.encode() or None,
        value=value,
        headers=[*marks, (record_headers.REDRIVE_OF, b"%d" % letter.pk)],
    )


def _marks_of_newer(letter: DeadLetter) -> Headers:
    """Return the headers of a record of a newer release once this one reads it; before, it is only a letter again."""
    version = skipped_lines.format_of(letter.detail)
    readable = version <= record_headers.FORMAT_VERSION
    return [(record_headers.VERSION, b"%d" % version)] if readable else []


def _beyond(job: Job, numbers: Sequence[int]) -> dict[str, object]:
    """Return the place after the current chunk, of which a mend may have left out letters."""
    kept = {name: job.place[name] for name in ("until", chunks.UNFIXED) if name in job.place}
    return {**kept, "after": job.place.get("reached") or numbers[-1]}


def _mark_sent(job: Job) -> list[int] | None:
    """Mark the next letters as sent, and store their numbers in the job's `place` in the same transaction.

    Return them, none if a mend fixes none of these; None at the end.
    """
    rate, edited = job.arguments.get("rate"), job.arguments.get("edited")
    with jobs.chunk_transaction():
        numbers = jobs.lock_next(job, most=min(CHUNK, rate or CHUNK))
        if not numbers:
            return None
        job.place = {**job.place, "reached": numbers[-1]}
        numbers = chunks.mend(job, numbers)
        changes = {} if edited is None else {"edited": edited.encode(), "sent_id": chunks.id_of(edited.encode())}
        chosen = DeadLetter.objects.filter(id__in=numbers)
        chosen.update(state=State.SENT, sent_at=Now(), **changes)
        # An earlier, cancelled job may have edited a letter too.
        edited_ids = set(chosen.filter(edited__isnull=False).values_list("id", flat=True))
        jobs.record_action(sorted(edited_ids), kind=Kind.EDITED, job=job)
        jobs.record_action(sorted(set(numbers) - edited_ids), kind=Kind.REDRIVEN, job=job)
        job.place = {**job.place, queue.CURRENT_CHUNK: numbers}
        queue.advance(job)
    return numbers


def _reopen_chunk(job: Job) -> None:
    """Reopen the letters of the current chunk. Kafka may have some of them; the next redrive closes those."""
    numbers = job.place.pop(queue.CURRENT_CHUNK)
    with jobs.chunk_transaction():
        _reopen(numbers)
        queue.advance(job)


def _reopen(numbers: Sequence[int]) -> list[int]:
    """Reopen sent letters without an outcome, within the chunk's transaction; return their numbers."""
    waiting = filters.in_flight(DeadLetter.objects.filter(id__in=numbers)).order_by("id")
    found = list(waiting.select_for_update(of=("self",)).values_list("id", flat=True))
    state = Case(When(redrives__gte=MAX_REDRIVES, then=Value(State.PARKED)), default=Value(State.OPEN))
    DeadLetter.objects.filter(id__in=found).update(state=state)
    return found


def _load_in_flight(numbers: Sequence[int]) -> list[DeadLetter]:
    """Load letters of the current chunk, except those with an outcome: an earlier worker had sent them."""
    return list(filters.in_flight(DeadLetter.objects.filter(id__in=numbers)).order_by("id"))
