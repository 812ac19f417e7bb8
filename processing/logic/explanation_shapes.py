"""JSON shapes of what logic said of an event."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ViolationShape(TypedDict):
    """Where an event violates a schema. The text never has a value of the event."""

    pointer: str
    detail: str


class SchemaFindingShape(TypedDict):
    """What a schema said of an event."""

    name: str
    version: int
    mode: str
    check: str
    violations: list[ViolationShape]


class ChangeShape(TypedDict):
    """What an action did to a field. `before` and `after` are left out where there was nothing."""

    field: str
    action: str
    before: NotRequired[object]
    after: NotRequired[object]


class LeafShape(TypedDict):
    """A part of a condition that kept it from being true."""

    text: str
    result: bool | None  # None: unknown, as a field is missing or of another type
    values: dict[str, object]  # what its names stood for; empty for readers who may not read raw documents


class RuleFindingShape(TypedDict):
    """What a rule did with an event."""

    rule: str
    outcome: Literal["applied", "not applied", "skipped", "failed"]
    changes: list[ChangeShape]
    tagsAdded: list[str]
    tagsRemoved: list[str]
    unknown: list[str]  # actions without a result
    missed: int  # lookups that found nothing
    fate: str  # rejected, dropped or stopped: by this rule; or empty
    leaves: list[LeafShape]  # why it was not applied
    skippedBy: str  # the rule that ended the run


class LogicTrace(TypedDict):
    """What logic said of an event. Without values for readers who may not read raw documents."""

    revision: int
    schemas: list[SchemaFindingShape]
    rules: list[RuleFindingShape]
