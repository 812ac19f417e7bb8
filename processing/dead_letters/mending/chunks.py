"""Mend the letters of one chunk of a redrive, and count in the job those that are not fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from ingestion.events import timestamps
from processing.dead_letters import rendering
from processing.dead_letters.mending import mend as mends
from processing.dead_letters.mending import steps
from processing.models import DeadLetter, Job

UNFIXED = "unfixed"  # member of a job's `place` and report: numbers of letters by why the mend does not fix them
BATCH = 50  # letters of up to 256 KiB in one statement
MAX_REASONS = 50


def mend(job: Job, numbers: Sequence[int]) -> list[int]:
    """Mend letters as the job says, within the chunk's transaction; return those to send.

    The others stay as they are and are counted in the job's place.
    """
    if "mend" not in job.arguments:
        return list(numbers)
    wanted, now = steps.from_json(job.arguments["mend"]), timestamps.now()
    fixed, unfixed = [], Counter(job.place.get(UNFIXED, {}))
    for letter in DeadLetter.objects.filter(id__in=numbers).order_by("id").iterator(BATCH):
        try:
            letter.edited = mends.mended_line(letter, wanted, now=now)
        except mends.UNFIXED as error:
            why = mends.why_unfixed(error)
            unfixed[why if why in unfixed or len(unfixed) < MAX_REASONS else "another reason"] += 1
        else:
            letter.sent_id = id_of(letter.edited)
            fixed.append(letter)
    DeadLetter.objects.bulk_update(fixed, ["edited", "sent_id"], batch_size=BATCH)
    job.place = {**job.place, UNFIXED: dict(unfixed)}
    return [letter.pk for letter in fixed]


def told(job: Job) -> str:
    """Return what the end of a job says about letters that it did not fix."""
    unfixed = Counter(job.place.get(UNFIXED, {}))
    if not unfixed:
        return ""
    named = ", ".join(f"{count:,} {why}" for why, count in unfixed.most_common(5))
    return f"{unfixed.total():,} not fixed by the mend stay open: {named}"


def id_of(line: bytes) -> UUID | None:
    """Return the id of the event of an edited line."""
    found = rendering.parse_lines(line)
    return UUID(found[0].id) if len(found) == 1 else None
