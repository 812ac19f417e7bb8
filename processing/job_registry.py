"""The registry of job kinds and their steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from processing import metrics
from processing.comparisons import request as comparison_request
from processing.dead_letters import redrive
from processing.dead_letters.closing import discard, reopen
from processing.demo import job as demo_job
from processing.field_indexes import declaring
from processing.field_indexes import job as field_index_job
from processing.jobs.queue import Step
from processing.packing import job as packing_job
from processing.recovery.rebuild import restore_job
from processing.recovery.reconcile import reconcile_job
from processing.recovery.replay.job import Replay
from processing.replays import request as replay_request
from processing.trials import request as trial_request
from processing.trials.job import Trial


def steps() -> Mapping[str, Step]:
    """Return the step of each kind, for one thread."""
    found: dict[str, Step] = {
        redrive.KIND: redrive.Redrive().step,
        discard.KIND: discard.step,
        reopen.KIND: reopen.step,
        restore_job.KIND: restore_job.step,
        comparison_request.KIND: reconcile_job.step,
        packing_job.KIND: packing_job.step,
        declaring.KIND: field_index_job.step,
        replay_request.KIND: Replay().step,
        trial_request.KIND: Trial().step,
    }
    _count(found)
    return found


def feeds() -> Mapping[str, Step]:
    """Return the steps of kinds that go on for minutes and mostly wait, for a thread beside that of the others."""
    found: dict[str, Step] = {demo_job.KIND: demo_job.Demo().step}
    _count(found)
    return found


def _count(kinds: Iterable[str]) -> None:
    # Before the first chunk of a kind: a counter that begins at 1 does not show that it rose.
    for kind in kinds:
        metrics.JOB_STEPS.labels(kind)
        metrics.JOB_ERRORS.labels(kind)
