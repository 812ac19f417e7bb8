"""Runs the groups of checks at the same time, each within its time; one that fails stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from dataflow_site.doctor.findings import AnyGroup, Check, Finding, Level, Said, error, right, warning
from processing.errors import NeedsOperator, StoreUnavailable

SECONDS = 15.0  # for one group
REACHABLE = "reachable"  # name of the check that a group can be opened


@dataclass(slots=True)
class _Progress:
    """What one group has found so far; its thread goes on after its time, and nobody listens."""

    group: AnyGroup
    found: list[Finding] = field(default_factory=list)
    at: str = REACHABLE


def examine(groups: Sequence[AnyGroup], *, seconds: float = SECONDS) -> list[Finding]:
    """Return what all checks found, in the order of the groups."""
    deadline = time.monotonic() + seconds
    running = [_start(group) for group in groups]
    found: list[Finding] = []
    for thread, progress in running:
        thread.join(max(0.0, deadline - time.monotonic()))
        found += list(progress.found)
        if thread.is_alive():
            late = error(f"It did not answer within {seconds:g} seconds.", progress.group.mend)
            found.append(Finding(f"{progress.group.name}.{progress.at}", late))
    return found


def _start(group: AnyGroup) -> tuple[threading.Thread, _Progress]:
    progress = _Progress(group)
    thread = threading.Thread(target=_run, args=(progress,), name=group.name, daemon=True)
    thread.start()
    return thread, progress


def _run(progress: _Progress) -> None:
    group = progress.group
    try:
        with group.open() as opened:
            if group.is_server:
                progress.found.append(Finding(f"{group.name}.{REACHABLE}", right("It answers.")))
            for check in group.checks:
                progress.at = check.name.partition(".")[2]
                progress.found += _look(check, opened)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the other groups go on
        progress.found.append(Finding(f"{group.name}.{progress.at}", error(_in_words(failure), group.mend)))


def _look(check: Check[object], opened: object) -> list[Finding]:
    try:
        said = list(check.look(opened))
    except Exception as failure:  # noqa: BLE001 - the checks after it go on
        said = [
            warning(
                f"Can't be looked at: {_in_words(failure)}", "Mend what the other checks found, and run this again."
            )
        ]
    return [Finding(check.name, one) for one in said or [Said(Level.OK, check.right)]]


def _in_words(failure: Exception) -> str:
    """Describe an error. Only ours have texts that are known to hold nothing secret."""
    if isinstance(failure, StoreUnavailable):
        return f"It does not answer ({str(failure).rstrip('.')})."
    if isinstance(failure, NeedsOperator):
        return f"{str(failure).rstrip('.')}."
    return f"{type(failure).__name__}."
