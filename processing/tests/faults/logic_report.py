"""What became of events that logic judged, while it changed and replays ran: counted, then held in every detail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Sum

from deploy.testing.deployment import Deployment, close_pool
from ingestion.events import timestamps
from ingestion.tests import topic
from processing.logic.rules.results import Fate
from processing.models import DeadLetter, Event, ReplayRemoval, RuleCount
from processing.recovery.reconcile import reconcile, report_text
from processing.stores.packed.rollups import HOURS, MINUTES
from processing.tests import expectations, reference_rollups
from processing.tests.expectations import Identity
from processing.tests.faults import judged_topic
from processing.tests.faults.judged_topic import DEAD, DROPPED, STORED, Judge, Judged, Line, Place
from processing.tests.reference_rollups import Sent

_COUNTED = ("read", "stored", "duplicate", "dead_lettered", "dropped")
_LEDGER = f"""
SELECT source_id, (extract(epoch FROM minute) / 60)::bigint, partition,
    {", ".join(f"sum({name})::bigint" for name in _COUNTED)} FROM ledger GROUP BY 1, 2, 3
"""


class Row(NamedTuple):
    """What a test compares of a row."""

    source: str
    id: str
    place: Place
    revision: int
    replay: int | None
    payload: dict[str, Any]
    tags: tuple[str, ...]


class Removal(NamedTuple):
    """What a test compares of an event that a replay took out of the rows."""

    place: Place
    fate: str
    rule: str
    revision: int


@dataclass(frozen=True, slots=True)
class Found:
    """What the stores hold."""

    rows: dict[Identity, Row]
    removals: dict[Identity, Removal]
    documents: dict[Identity, expectations.Content]

    @classmethod
    def of(cls, site: Deployment) -> Found:
        rows = [
            Row(source, str(id_), (partition, offset, line), revision or 0, replay, payload, tuple(tags or ()))
            for source, id_, partition, offset, line, revision, replay, payload, tags in Event.objects.values_list(
                "source_id", "id", "partition", "offset", "line", "revision", "replay", "payload", "tags"
            )
        ]
        removals = {
            (one.source_id, str(one.event_id)): Removal(
                (one.partition, one.offset, one.line), one.fate, one.rule, one.revision
            )
            for one in ReplayRemoval.objects.all()
        }
        by_identity = {(row.source, row.id): row for row in rows}
        assert len(by_identity) == len(rows)
        return cls(by_identity, removals, expectations.documents(site))


def assert_exact(
    site: Deployment, acknowledged: Iterable[Sent], judge: Judge, *, note: Callable[[str, object], None]
) -> None:
    """Hold everything against the topic, judged line by line; nothing may be in flight."""
    connections.close_all()
    close_pool()
    lines = judged_topic.read(site)
    judged = judged_topic.judge_all(lines, judge)
    found = Found.of(site)
    sent = {(event.source, event.id): (event.ts, event.payload) for event in acknowledged}
    known, kept = found.rows.keys() | found.removals.keys(), judged.rows.keys()
    lost = (sent.keys() - {line.identity for line in lines}) | (kept - (known & found.documents.keys()))
    phantom = (known | found.documents.keys()) - kept
    ledger = sum(counts[STORED] for counts in _ledger(site).values())
    counted = {"lost": len(lost), "phantom": len(phantom), "doubled": max(0, ledger - len(found.rows))}
    for name, count in {"events": len(sent), **counted}.items():
        note(name, count)
    assert counted == {"lost": 0, "phantom": 0, "doubled": 0}
    contents = {line.identity: (line.ts, line.payload) for line in lines}
    assert expectations.difference({identity: contents[identity] for identity in sent}, sent) == {}
    assert expectations.difference(found.documents, {key: contents[key] for key in kept}) == {}
    _assert_rows(found, judged, judge)
    _assert_removals(found, judged, judge)
    _assert_letters(found, judged, judge)
    _assert_ledger(site, found, judged)
    _assert_counts(judged)
    _assert_rolled_up(site, found, contents)
    _assert_published(site, judged, judge)
    report = reconcile.run()
    assert report.ok, report_text.render(report)


def _assert_rows(found: Found, judged: Judged, judge: Judge) -> None:
    """Each has what its revision makes of its event: the one of its span, or that of the replay that made it anew."""
    wrong = {}
    for identity, row in found.rows.items():
        line, revision = judged.rows[identity]
        revision = revision if row.replay is None else row.revision
        verdict = judge.verdict(revision, line)
        wanted = (line.place, revision, Fate.KEPT, verdict.payload, verdict.tags)
        if wanted != (row.place, row.revision, verdict.fate, row.payload, row.tags):
            wrong[identity] = (row, wanted)
    assert wrong == {}


def _assert_removals(found: Found, judged: Judged, judge: Judge) -> None:
    """Each has the fate that its replay's revision gives its event, and no row unless a copy came later."""
    for identity, removal in found.removals.items():
        line, _ = judged.rows[identity]
        verdict = judge.verdict(removal.revision, line)
        assert (removal.place, removal.fate, removal.rule) == (line.place, verdict.fate.value, verdict.by)
    assert judged.copies or not found.removals.keys() & found.rows.keys()


def _assert_letters(found: Found, judged: Judged, judge: Judge) -> None:
    """There is one for each line that a span's revision rejects and each event that a replay's rejects; no other."""
    wanted = {place: (line, revision, False) for place, (line, revision) in judged.letters.items()}
    for identity, removal in found.removals.items():
        if removal.fate == ReplayRemoval.Fate.REJECTED:
            wanted[removal.place] = (judged.rows[identity][0], removal.revision, True)
    letters = {(letter.partition, letter.offset, letter.line): letter for letter in DeadLetter.objects.order_by("id")}
    assert letters.keys() == wanted.keys()
    for place, (line, revision, replayed) in wanted.items():
        letter, verdict = letters[place], judge.verdict(revision, line)
        assert (letter.source_id, str(letter.event_id), letter.reason, letter.stage, letter.replay is not None) == (
            line.source, line.id, verdict.reason, "process", replayed
        )  # fmt: skip
        assert letter.detail.startswith(verdict.detail)
        assert verdict.reason == "schema_violation" or letter.detail == verdict.detail


def _assert_ledger(site: Deployment, found: Found, judged: Judged) -> None:
    """Each account is what its lines became, and says where those are that a replay took away."""
    wanted = {account: Counter(counts) for account, counts in judged.accounts.items()}
    for identity in found.removals.keys() - found.rows.keys():
        counts = wanted[judged.rows[identity][0].account]
        counts[STORED] -= 1
        counts[DROPPED if found.removals[identity].fate == ReplayRemoval.Fate.DROPPED else DEAD] += 1
    ledger = _ledger(site)
    assert expectations.difference(ledger, {account: +counts for account, counts in wanted.items()}) == {}
    assert all(counts["read"] == sum(counts[name] for name in _COUNTED if name != "read") for counts in ledger.values())
    by_source: dict[str, Counter[str]] = {}
    for (source, *_), counts in ledger.items():
        by_source.setdefault(source, Counter()).update(counts)
    statistics = expectations.query(site, f"SELECT source_id, {', '.join(_COUNTED)} FROM source_statistics")
    told = {source: +Counter(dict(zip(_COUNTED, counts, strict=True))) for source, *counts in statistics}
    assert expectations.difference(told, by_source) == {}


def _ledger(site: Deployment) -> dict[judged_topic.Account, Counter[str]]:
    rows = expectations.query(site, _LEDGER)
    return {
        (source, minute, partition): +Counter(dict(zip(_COUNTED, counts, strict=True)))
        for source, minute, partition, *counts in rows
    }


def _assert_counts(judged: Judged) -> None:
    """Each rule and schema has dropped and rejected, and each rule was applied, so often as lines were judged."""
    told = RuleCount.objects.values("name", "source_id").annotate(Sum("rejected"), Sum("dropped"))
    gone: Counter[tuple[str, str, Fate]] = Counter()
    for one in told:
        gone[one["name"], one["source_id"], Fate.REJECTED] = one["rejected__sum"]
        gone[one["name"], one["source_id"], Fate.DROPPED] = one["dropped__sum"]
    assert expectations.difference(+gone, judged.gone) == {}
    applied = RuleCount.objects.filter(kind="rule").values("name").annotate(Sum("applied"))
    assert {one["name"]: one["applied__sum"] for one in applied if one["applied__sum"]} == judged.applied


def _assert_rolled_up(site: Deployment, found: Found, contents: dict[Identity, expectations.Content]) -> None:
    events = [Sent(row.source, row.id, contents[identity][0], row.payload) for identity, row in found.rows.items()]
    for table, span in ((MINUTES, reference_rollups.MINUTE), (HOURS, reference_rollups.HOUR)):
        expectations.assert_agree(expectations.rollups(site, table), reference_rollups.rollups(events, span=span))
    assert expectations.difference(expectations.latest(site), reference_rollups.latest(events)) == {}
    times = {(source, str(id_)): timestamps.to_micros(ts) for source, id_, ts in _times()}
    assert expectations.difference(times, {identity: contents[identity][0] for identity in found.rows}) == {}


def _times() -> Iterable[Any]:
    return Event.objects.values_list("source_id", "id", "ts")


def _assert_published(site: Deployment, judged: Judged, judge: Judge) -> None:
    """Every event that was stored, once or more often, always as its row was made first."""
    published = topic.events(site.processed_topic)
    assert {(one["source"], one["id"]) for one in published} == judged.rows.keys()
    for one in published:
        verdict = _made(judged.rows[one["source"], one["id"]], judge)
        assert (one["payload"], tuple(one["tags"])) == (verdict.payload, verdict.tags)


def _made(stored: tuple[Line, int], judge: Judge) -> judged_topic.Verdict:
    line, revision = stored
    return judge.verdict(revision, line)
