"""The report of a trial, for programs; `report_text` has it for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from processing.events.judged import RuleTally
from processing.logic.content import Content
from processing.logic.engine import Logic
from processing.trials.findings import Findings, Sides
from processing.trials.request import TrialRequest
from processing.trials.verdicts import OUTCOMES

# What history can't have: said with every report.
NOTE = "events that were rejected or dropped when they came have no document, so they are not among these"


def shape(
    wanted: TrialRequest, found: Findings, *, tried: Logic, present: Logic, schemas: list[dict[str, object]]
) -> dict[str, Any]:
    """Return what `Job.report` has."""
    return {
        **wanted.to_mapping(),
        "present": present.revision,
        "events": found.events,
        "damaged": found.damaged,
        "different": found.different,
        "outcomes": {name: found.outcomes[name].only_tried + found.outcomes[name].both for name in OUTCOMES},
        "difference": {name: _plain(found.outcomes[name]) for name in OUTCOMES},
        "rules": list(_rules(found, tried.content)),
        "tags": dict(sorted(found.tags.items(), key=lambda tag: (-tag[1], tag[0]))),
        "days": [{"day": day, **counts} for day, counts in sorted(found.days.items())],
        "examples": _plain(found.examples.first()),
        "schemas": schemas,
        "note": NOTE,
    }


def _rules(found: Findings, content: Content) -> Iterator[dict[str, object]]:
    """Read all schemas and rules in their order, those that did nothing among them."""
    for kind, names in (
        ("schema", [one.name for one in content.schemas]),
        ("rule", [one.name for one in content.rules]),
    ):
        for name in dict.fromkeys(names):
            yield {"kind": kind, "name": name, **_plain(found.rules.get(kind, {}).get(name, RuleTally()))}


def _plain(value: Sides | RuleTally | dict[str, Any]) -> Any:
    # Examples hold JSON as it is written, which only a decoder reads.
    return msgspec.json.decode(msgspec.json.encode(value))


def to_place(found: Findings) -> dict[str, Any]:
    """Return findings as a job keeps them between chunks."""
    return cast("dict[str, Any]", msgspec.json.decode(msgspec.json.encode(found)))


def from_place(kept: dict[str, Any] | None) -> Findings:
    """Return the findings that a job has kept."""
    return Findings() if kept is None else msgspec.json.decode(msgspec.json.encode(kept), type=Findings)
