"""What became of the letters that a job redrove or discarded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from dashboard.pages.jobs.reports import Result
from dashboard.panels.tables import Cell, Table, cell, event_link, letters_link, table
from ingestion.auth.read_scope import ReadScope
from ingestion.problems import in_words
from processing.dead_letters import redrive, scoped_letters
from processing.dead_letters.mending import chunks
from processing.models import DeadLetter, DeadLetterAction, Job

MOST = 10_000  # letters that are looked at

State = DeadLetter.State
Kind = DeadLetterAction.Kind


def result(job: Job, *, scope: ReadScope) -> Result | None:
    """Return what became of the letters of a redrive, as far as nobody redrove them again since; None: another kind, or nothing yet."""
    if job.kind != redrive.KIND or job.started_at is None or not job.done:
        return None
    found = dict(_sent(job, scope).values_list("id", "state")[: MOST + 1])
    if not found:
        return None
    ids = list(found)
    outcomes = _by_letter(found)
    counts = Counter(outcomes.values())
    tables = [_outcomes(counts, ids, job), *_reasons(ids, job), *_events(outcomes)]
    note = f" Of the first {MOST:,} letters." if len(ids) > MOST else ""
    unfixed = chunks.told(job)
    note += f" {unfixed}." if unfixed else ""
    return {"tone": _tone(counts), "sentence": _sentence(counts) + note, "tables": tables}


def _sent(job: Job, scope: ReadScope) -> QuerySet[DeadLetter]:
    """Return the letters that this job sent."""
    own = DeadLetterAction.objects.filter(letter=OuterRef("pk"), job=job.pk, kind__in=(Kind.REDRIVEN, Kind.EDITED))
    return scoped_letters.within(DeadLetter.objects.filter(Exists(own)), scope).order_by("id")


def _by_letter(found: Mapping[int, str]) -> dict[int, str]:
    """Return the outcome of each letter."""
    actions = DeadLetterAction.objects.filter(letter__in=list(found), kind=Kind.FAILED, at__gte=F("letter__sent_at"))
    failed = set(actions.values_list("letter_id", flat=True))
    return {number: "failed" if number in failed else _NAMES.get(state, state) for number, state in found.items()}


_NAMES = {State.SENT.value: "waiting", State.OPEN.value: "not sent", State.PARKED.value: "not sent"}
_WORDS = {
    "stored": "stored",
    "failed": "failed again",
    "waiting": "on its way",
    "not sent": "open",
    "discarded": "discarded",
}
_TITLES = {
    "stored": "closed: the event is stored, or was a duplicate or dropped by a rule",
    "failed": "failed again, as a new dead letter",
    "waiting": "on their way",
    "not sent": "not sent: open again",
    "discarded": "discarded since",
}


def _tone(counts: Counter[str]) -> str:
    if counts["failed"] or counts["not sent"]:
        return "bad"
    return "plain" if counts["waiting"] else "good"


def _sentence(counts: Counter[str]) -> str:
    words = {"stored": "stored", "failed": "failed again", "waiting": "on their way", "not sent": "not sent"}
    return ", ".join(f"{counts[name]:,} {text}" for name, text in words.items() if counts[name]) + "."


def _outcomes(counts: Counter[str], ids: list[int], job: Job) -> Table:
    states = {"stored": "stored", "waiting": "sent", "failed": "sent", "not sent": "open", "discarded": "discarded"}
    rows = []
    for name, count in counts.items():
        one = f"/dead-letters/{ids[0]}/" if len(ids) == 1 else letters_link(job=str(job.pk), state=states.get(name))
        rows.append((_TITLES.get(name, name), cell(count, one)))
    return table("What became of them", ("outcome", "letters"), rows)


def _reasons(ids: list[int], job: Job) -> list[Table]:
    """Return why letters failed again: the note of a failure begins with the reason, and ends with the new letter."""
    actions = DeadLetterAction.objects.filter(letter__in=ids, kind=Kind.FAILED, at__gte=job.started_at)
    reasons = Counter(note.partition(":")[0] for note in actions.values_list("note", flat=True)[:MOST])
    if not reasons:
        return []
    rows = [
        (_reason(code), cell(count, letters_link(code=code, state="open"))) for code, count in reasons.most_common()
    ]
    return [table("Why they failed again", ("reason", "letters"), rows)]


def _reason(code: str) -> str:
    return "Kafka takes no record of this size" if code == "not sent" else in_words(code)


SHOWN_EVENTS = 20


def _events(outcomes: Mapping[int, str]) -> list[Table]:
    """Return the first letters with their events."""
    shown = DeadLetter.objects.filter(id__in=list(outcomes)[:SHOWN_EVENTS]).order_by("id")
    rows = [
        (
            cell(str(number), f"/dead-letters/{number}/"),
            _WORDS.get(outcomes[number], outcomes[number]),
            source or None,
            _event(outcomes[number], source, event),
        )
        for number, source, event in shown.values_list("id", "source_id", Coalesce("sent_id", "event_id"))
    ]
    note = f"The first {SHOWN_EVENTS} of them." if len(outcomes) > SHOWN_EVENTS else ""
    return [table("Letters", ("letter", "outcome", "source", "event"), rows, note=note)]


def _event(outcome: str, source: str, event: object) -> Cell:
    if event is None:
        return cell(None)
    return cell(str(event), event_link(source, str(event)) if source and outcome == "stored" else None)
