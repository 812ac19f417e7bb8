"""The logic of one revision, compiled: what every consumer, trial and replay judges events by."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingestion.auth import source_patterns
from ingestion.problems import Code
from processing.events.batch import MINUTE
from processing.events.entries import Entries, Entry
from processing.events.judged import Judged, Rejection, RuleAccount, RuleTally
from processing.events.made import Made, as_sent
from processing.logic.content import EMPTY, Content, SchemaContent
from processing.logic.rules.program import Columns, Program, compile_program
from processing.logic.rules.results import Fate, Result
from processing.logic.rules.rule import Rule, parse_rule
from processing.logic.schemas.schema import Schema
from processing.logic.tables.lookup_table import LookupTable

VIOLATION_TAG = "schema_violation"
_VIOLATES = (VIOLATION_TAG,)
RULE, SCHEMA = "rule", "schema"
_SHOWN = 5  # violations in the detail of a letter


class SchemaUse(NamedTuple):
    """A schema and how it is used."""

    content: SchemaContent
    schema: Schema


class SourceLogic(NamedTuple):
    """What is done with the events of one source."""

    before: SchemaUse | None
    program: Program | None
    after: SchemaUse | None


_NOTHING = SourceLogic(None, None, None)


class Logic:
    """For any thread, one at a time.

    :param schemas: by name, of the versions in the content
    :param tables: by name, of the versions in the content
    :raises InvalidLogic: a rule of the content is none
    """

    def __init__(
        self,
        revision: int,
        content: Content = EMPTY,
        schemas: Mapping[str, Schema] | None = None,
        tables: Mapping[str, LookupTable] | None = None,
    ) -> None:
        self.revision = revision
        self.content = content
        self.tables = tables or {}
        self.rules: list[Rule] = [
            parse_rule(rule, f"/rules/{index}", tables=self.tables) for index, rule in enumerate(content.rules)
        ]
        self._schemas = [SchemaUse(use, (schemas or {})[use.name]) for use in content.schemas if use.mode != "off"]
        self._sources: dict[str, SourceLogic] = {}
        # Sources of the same rules share a program, whose counts are taken once for each batch.
        self._programs: dict[tuple[int, ...], Program | None] = {}
        self._lock = threading.Lock()

    def judge(self, entries: Entries) -> Judged:
        """Judge each event by itself."""
        if not self.rules and not self._schemas:
            return Judged(entries)
        with self._lock:
            return _Batch(entries).judge(self)

    def of_source(self, source: str) -> SourceLogic:
        """Return what is done with the events of a source."""
        found = self._sources.get(source)
        if found is None:
            found = self._sources[source] = self._find(source)
        return found

    def labels_of(self, source: str) -> Mapping[str, str]:
        """Return the labels of a source, as far as rules name them."""
        return self.content.labels.get(source, {})

    def rules_of(self, source: str) -> list[Rule]:
        """Return the rules for a source, in order."""
        return [self.rules[index] for index in self._rules_of(source)]

    def take_counts(self) -> dict[str, RuleTally]:
        """Return what the rules did since the last call, but for rejections and drops, which are counted by source."""
        found: defaultdict[str, RuleTally] = defaultdict(RuleTally)
        for program in self._programs.values():
            for name, counts in program.take_counts().items() if program else ():
                tally = found[name]
                tally.applied += counts.applied
                tally.unknown += counts.unknown
                tally.missed += counts.missed
                tally.errors += counts.errors
        return found

    def _find(self, source: str) -> SourceLogic:
        before, after = (self._schema(source, stage) for stage in ("before", "after"))
        program = self._program(source)
        return SourceLogic(before, program, after) if before or program or after else _NOTHING

    def _schema(self, source: str, stage: str) -> SchemaUse | None:
        for use in self._schemas:
            if any(source_patterns.matches(pattern, source) for pattern in use.content.sources):
                return use if use.content.check == stage else None
        return None

    def _rules_of(self, source: str) -> list[int]:
        labels = self.labels_of(source)
        return [
            index
            for index, rule in enumerate(self.rules)
            if self.content.rules[index].enabled and rule.applies_to(source, labels)
        ]

    def _program(self, source: str) -> Program | None:
        indexes, labels = tuple(self._rules_of(source)), self.labels_of(source)
        if indexes not in self._programs:
            rules = [self.rules[index] for index in indexes]
            self._programs[indexes] = compile_program(rules, labels=labels, tables=self.tables)
        program = self._programs[indexes]
        return program and program.with_labels(labels)


NO_LOGIC = Logic(0)


class _Batch:
    """The events of one call, and what becomes of them."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._kept: dict[int, Made] = {}  # that logic has done something with
        self._gone: set[int] = set()
        self._judged = Judged(entries)

    def judge(self, logic: Logic) -> Judged:
        for source, indexes in self._entries.by_source.items():
            found = logic.of_source(source)
            if found is not _NOTHING:
                self._judge(found, indexes)
        self._count(logic)
        judged = self._judged
        # Events may be judged anew.
        is_as_sent = not self._kept and self._entries.is_as_sent
        judged.kept = self._entries if is_as_sent else self._entries.with_made(self._kept)
        if self._gone:
            left = [index for index in range(len(self._entries)) if index not in self._gone]
            judged.kept = judged.kept.select(left)
        return judged

    def _judge(self, found: SourceLogic, indexes: Sequence[int]) -> None:
        tags: dict[int, tuple[str, ...]] = {}
        if found.before:
            tags = self._check_before(found.before, indexes)
            indexes = self._left(indexes)
        if found.program:
            self._run(found.program, indexes, tags)
        for index, own in tags.items():
            if index not in self._kept and index not in self._gone:
                self._kept[index] = Made(self._entries.values[index], own, is_changed=False)
        if found.after:
            self._check_after(found.after, self._left(indexes))

    def _left(self, indexes: Sequence[int]) -> Sequence[int]:
        return [index for index in indexes if index not in self._gone] if self._gone else indexes

    def _check_before(self, use: SchemaUse, indexes: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """Return the tags of those that are kept although they violate a schema, by index."""
        values, is_valid = self._entries.values, use.schema.is_valid
        # Most events violate none.
        violating = [index for index in indexes if not is_valid(values[index])]
        return {index: _VIOLATES for index in violating if not self._violates(index, use, values[index])}

    def _run(self, program: Program, indexes: Sequence[int], tags: Mapping[int, tuple[str, ...]]) -> None:
        entries = self._entries
        ended: dict[int, Result] = {}
        events = Columns(entries.values, entries.sources, entries.times, entries.received)
        program.run(events, indexes, tags, self._kept, ended)
        for index, result in ended.items():
            self._remove(index, result)

    def _check_after(self, use: SchemaUse, indexes: Sequence[int]) -> None:
        for index in indexes:
            made = self._kept.get(index) or as_sent(self._entries.values[index])
            if use.schema.is_valid(made.values) or self._violates(index, use, made.values):
                continue
            if VIOLATION_TAG not in made.tags:
                self._kept[index] = Made(made.values, (*made.tags, VIOLATION_TAG), made.is_changed)

    def _violates(self, index: int, use: SchemaUse, values: dict[str, object]) -> bool:
        """Count a violation; return whether the event is rejected, since the schema is enforced."""
        name = use.content.name
        self._tally(SCHEMA, name, index).applied += 1
        is_enforced = use.content.mode == "enforce"
        if is_enforced:
            self._tally(SCHEMA, name, index).rejected += 1
            self._gone.add(index)
            found = use.schema.violations(values, most=_SHOWN)
            detail = f"version {use.content.version}: " + "; ".join(
                f"{one.pointer or '/'}: {one.detail}" for one in found
            )
            pointer = "/payload" + (found[0].pointer if found else "")
            self._judged.rejected.append(Rejection(self._entries[index], Code.SCHEMA_VIOLATION, name, detail, pointer))
        return is_enforced

    def _remove(self, index: int, result: Result) -> None:
        """Take out an event that a rule rejected or dropped."""
        self._gone.add(index)
        tally = self._tally(RULE, result.rule, index)
        entry: Entry = self._entries[index]
        if result.fate is Fate.DROPPED:
            tally.dropped += 1
            self._judged.dropped.append(entry)
            self._judged.rules[entry.key] = result.rule
        else:
            tally.rejected += 1
            self._judged.rejected.append(Rejection(entry, Code.REJECTED_BY_RULE, result.rule, result.reason, ""))

    def _tally(self, kind: str, name: str, index: int) -> RuleTally:
        entries = self._entries
        account = RuleAccount(
            kind, name, entries.sources[index], entries.received[index] // MINUTE, entries.partitions[index]
        )
        return self._judged.counts.setdefault(account, RuleTally())

    def _count(self, logic: Logic) -> None:
        """Count what is not counted by source, under the newest minute of the batch."""
        minute = max(self._entries.received, default=0) // MINUTE
        partition = min(self._entries.partitions, default=0)
        for name, tally in logic.take_counts().items():
            self._judged.counts[RuleAccount(RULE, name, "", minute, partition)] = tally
