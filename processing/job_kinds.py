"""Every kind of job there is, and what does it."""

from __future__ import annotations

from collections.abc import Mapping

from processing.jobs import Step
from processing.letters import discard, redrive


def steps() -> Mapping[str, Step]:
    """Give the step of each kind, for one thread."""
    return {redrive.KIND: redrive.Redrive().step, discard.KIND: discard.step}
