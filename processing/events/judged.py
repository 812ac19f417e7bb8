"""What logic makes of the events of a batch. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from ingestion.problems import Code
from processing.events.entries import Entries, Entry

REJECTED = frozenset({Code.REJECTED_BY_RULE, Code.SCHEMA_VIOLATION})  # reasons of letters that logic made


class RuleAccount(NamedTuple):
    """The key of a row of `rule_count`."""

    kind: str  # processing.models.RuleCount.Kind
    name: str
    source: str  # '' where not counted by source
    minute: int  # of receipt, minutes since the epoch
    partition: int


class RuleTally(msgspec.Struct, gc=False):
    """What a rule or schema did; see processing.models.RuleCount."""

    applied: int = 0
    rejected: int = 0
    dropped: int = 0
    unknown: int = 0
    missed: int = 0
    errors: int = 0


RuleCounts = dict[RuleAccount, RuleTally]


class Rejection(NamedTuple):
    """An event that becomes a dead letter."""

    entry: Entry
    code: Code
    rule: str  # or schema
    detail: str
    pointer: str  # into the event


@dataclass(slots=True)
class Judged:
    """The events of a batch by their fate, each judged by itself: the result depends on the event and the revision alone."""

    kept: Entries  # with what their rows have (`Entries.made`)
    rejected: list[Rejection] = field(default_factory=list)
    dropped: list[Entry] = field(default_factory=list)
    rules: dict[bytes, str] = field(default_factory=dict)  # of those dropped: the rule, by key
    counts: RuleCounts = field(default_factory=dict)


Judge = Callable[[Entries], Judged]
