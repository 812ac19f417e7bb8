"""What a redrive or a discard would do, before anybody starts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TypedDict

from django.db.models import Count, F, QuerySet, Sum

from dashboard.pages.letters.chosen import Chosen, Told
from dashboard.pages.letters.step_forms import as_text
from ingestion.auth.read_scope import ReadScope
from ingestion.events import timestamps
from ingestion.problems import in_words
from processing.dead_letters import dry_run, filters, redrive, serializers
from processing.dead_letters.closing import reopen
from processing.dead_letters.mending import preview, suggestions
from processing.dead_letters.mending.steps import Mend
from processing.dead_letters.mending.suggestions import SAMPLE
from processing.errors import NeedsOperator, StoreUnavailable
from processing.models import DeadLetter, Job
from queries.reads import postgres

MAX_REASONS = 20
MEASURED_JOBS = 5  # finished ones whose rate is taken for the next


class Reason(TypedDict):
    """Why letters are there."""

    text: str
    count: int


class Suggested(TypedDict):
    """A mend that fixes a letter."""

    text: str
    mend: str  # as a parameter of an address
    fixes: int
    sample: int


class Plan(TypedDict):
    """Which letters an action takes."""

    filters: list[Told]
    upTo: int
    total: int
    totalIsLeast: bool
    others: int  # that match, and are left out because of their state
    reasons: list[Reason]


def plan(chosen: Chosen, *, scope: ReadScope, up_to: int | None, reopening: bool = False) -> Plan:
    """Return which letters an action would take.

    :param up_to: the highest number to include; None: the newest letter
    :param reopening: the action is for discarded letters
    :raises RequestRejected: the scope is not everything
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    with postgres.bounded():
        last = filters.newest() if up_to is None else up_to
        taken = (
            reopen.reopenable(chosen.selection, up_to=last) if reopening else chosen.selection.actionable(up_to=last)
        )
        total = filters.count(taken)
        return {
            "filters": chosen.told(),
            "upTo": last,
            **serializers.counted(total),
            "others": max(0, filters.count(chosen.selection.query(up_to=last)) - total),
            "reasons": _reasons(taken, scope),
        }


def tried(chosen: Chosen, mend: Mend | None, *, scope: ReadScope, up_to: int) -> dict[str, object]:
    """Return the dry run of a redrive, and the first letters before and after a mend.

    :raises RequestRejected: the scope is not everything
    """
    scope.require_whole()
    try:
        outcome = dry_run.dry_run(chosen.selection, up_to=up_to, mend=mend)
    except (StoreUnavailable, NeedsOperator) as error:
        return {"outcome": None, "problem": str(error), "works": 0, "previews": []}
    shown = [] if mend is None else preview.preview(chosen.selection, mend, up_to=up_to, now=timestamps.now())
    return {
        "outcome": serializers.redrive_dry_run(outcome),
        "failing": [{"text": in_words(reason), "count": count} for reason, count in outcome.failing.most_common()],
        "unfixed": [{"text": in_words(why), "count": count} for why, count in outcome.unfixed.most_common()],
        "problem": "",
        "works": outcome.works,
        "previews": [asdict(one) for one in shown],
    }


def suggested(letter: DeadLetter, *, scope: ReadScope) -> list[Suggested]:
    """Return mends that fix a letter, and how many of the newest ones with the same cause.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        alike = list(_alike(letter, scope).order_by("-id")[:SAMPLE])
    found = suggestions.suggest(letter, alike, now=timestamps.now())
    return [{"text": one.text, "mend": as_text(one.mend), "fixes": one.fixes, "sample": one.sample} for one in found]


def alike_count(letter: DeadLetter, *, scope: ReadScope) -> int:
    """Return how many other letters with the same cause wait.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        return filters.count(_alike(letter, scope))


def newest_of(chosen: Chosen) -> DeadLetter | None:
    """Return the newest letter that an action would take, if all have one cause; None: they have several, or there is none.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if not chosen.selection.is_one_cause and len(chosen.selection.ids) != 1:
        return None
    with postgres.bounded():
        return chosen.selection.actionable().select_related("topic").order_by("-id").first()


def seconds(total: int, *, rate: int | None, scope: ReadScope) -> float | None:
    """Return how long a redrive of so many letters takes: at its rate, or as fast as the last ones were; None: not known.

    :raises RequestRejected: the scope is not everything
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope.require_whole()
    if rate:
        return total / rate
    done = Job.objects.filter(kind=redrive.KIND, state=Job.State.DONE, arguments__rate=None, done__gt=0)
    with postgres.bounded():
        last: Sequence[int] = list(done.order_by("-id").values_list("pk", flat=True)[:MEASURED_JOBS])
        spent = Job.objects.filter(pk__in=last).aggregate(
            letters=Sum("done"), time=Sum(F("finished_at") - F("started_at"))
        )
    if not spent["letters"] or not spent["time"]:
        return None
    return float(total * spent["time"].total_seconds() / spent["letters"])


def _alike(letter: DeadLetter, scope: ReadScope) -> QuerySet[DeadLetter]:
    others = DeadLetter.objects.filter(fingerprint=letter.fingerprint, state__in=filters.REDRIVABLE, **scope.lookup())
    return others.exclude(pk=letter.pk)


def _reasons(taken: QuerySet[DeadLetter], scope: ReadScope) -> list[Reason]:
    bounded = taken.filter(**scope.lookup()).order_by("id").values("pk")[: filters.MAX_COUNTED]
    found = DeadLetter.objects.filter(pk__in=bounded).values("reason").annotate(count=Count("pk")).order_by("-count")
    return [{"text": in_words(row["reason"]), "count": row["count"]} for row in found[:MAX_REASONS]]
