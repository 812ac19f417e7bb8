"""What logic must have made of a topic: each line judged by the slow interpreter, by the revision of its span."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deploy.testing.deployment import Deployment
from ingestion.tests import topic
from processing.logic.engine import Logic
from processing.logic.explaining import explain_event
from processing.logic.rules.results import Fate
from processing.models import RevisionSpan
from processing.tests import logic_revisions
from processing.tests.expectations import Identity
from processing.tests.reference_rollups import MINUTE

READ, STORED, DUPLICATE, DEAD, DROPPED = "read", "stored", "duplicate", "dead_lettered", "dropped"
FATES = {Fate.REJECTED: DEAD, Fate.DROPPED: DROPPED}

Account = tuple[str, int, int]  # source, minute of receipt, partition
Place = tuple[int, int, int]  # partition, offset, line


class Line(NamedTuple):
    """An event as it stands in the topic."""

    place: Place
    source: str
    id: str
    ts: int
    received: int
    payload: dict[str, Any]

    @property
    def identity(self) -> Identity:
        return self.source, self.id

    @property
    def account(self) -> Account:
        return self.source, self.received // MINUTE, self.place[0]


class Verdict(NamedTuple):
    """What a revision makes of an event."""

    fate: Fate
    payload: dict[str, Any]
    tags: tuple[str, ...]
    by: str  # the rule or schema that drops or rejects it
    reason: str  # of its dead letter
    detail: str  # of its dead letter; of a violation only its beginning
    applied: tuple[str, ...]  # rules


class Judge:
    """Judges lines by any revision."""

    def __init__(self) -> None:
        self._logic: dict[int, Logic] = {}
        self._known: dict[tuple[int, Place], Verdict] = {}

    def verdict(self, revision: int, line: Line) -> Verdict:
        known = self._known.get((revision, line.place))
        if known is None:
            known = self._known[revision, line.place] = self._judge(revision, line)
        return known

    def _judge(self, revision: int, line: Line) -> Verdict:
        if revision not in self._logic:
            self._logic[revision] = logic_revisions.load(revision)
        why = explain_event(self._logic[revision], line.payload, source=line.source, ts=line.ts, received=line.received)
        found = why.result
        violated = any(each.violations and each.mode == "enforce" for each in why.schemas)
        return Verdict(
            found.fate,
            found.values,
            found.tags,
            found.rule,
            "schema_violation" if violated else "rejected_by_rule",
            f"{found.rule}: {found.reason}",
            tuple(step.rule for step in why.rules if step.outcome == "applied"),
        )


@dataclass(slots=True)
class Judged:
    """What consumers must have made of every line, together."""

    copies: int = 0  # lines beyond the first of their event
    rows: dict[Identity, tuple[Line, int]] = field(default_factory=dict)  # the line that was stored, and its revision
    letters: dict[Place, tuple[Line, int]] = field(default_factory=dict)
    accounts: defaultdict[Account, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    gone: Counter[tuple[str, str, Fate]] = field(default_factory=Counter)  # by rule or schema, and source
    applied: Counter[str] = field(default_factory=Counter)  # by rule


def read(site: Deployment) -> list[Line]:
    """Every event in the topic, in order."""
    found = []
    for record in topic.kept(site.raw_topic):
        for number, event in enumerate(record.lines):
            place = (record.partition, record.offset, number)
            found.append(Line(place, event["source"], event["id"], event["ts"], event["received"], event["payload"]))
    return sorted(found, key=lambda line: line.place)


def judge_all(lines: Iterable[Line], judge: Judge) -> Judged:
    """Take all lines, in order, through the revisions of their spans: a copy is judged before it is known as one."""
    found = Judged()
    seen: set[Identity] = set()
    for line, revision in _with_revisions(lines):
        verdict = judge.verdict(revision, line)
        account = found.accounts[line.account]
        account[READ] += 1
        found.applied.update(verdict.applied)
        if verdict.fate is not Fate.KEPT:
            found.gone[verdict.by, line.source, verdict.fate] += 1
            account[FATES[verdict.fate]] += 1
            if verdict.fate is Fate.REJECTED:
                found.letters[line.place] = (line, revision)
        elif line.identity in found.rows:
            account[DUPLICATE] += 1
        else:
            found.rows[line.identity] = (line, revision)
            account[STORED] += 1
        found.copies += line.identity in seen
        seen.add(line.identity)
    return found


def _with_revisions(lines: Iterable[Line]) -> Iterator[tuple[Line, int]]:
    spans: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for span in RevisionSpan.objects.order_by("first_offset"):
        spans[span.partition].append((span.first_offset, span.revision))
    for line in lines:
        of_partition = spans[line.place[0]]
        index = bisect_right(of_partition, line.place[1], key=lambda span: span[0])
        yield line, of_partition[index - 1][1] if index else 0
