"""What the consumer does with events by rules and schemas, and that the ledger proves each outcome."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Sum

from deploy.testing.deployment import Deployment
from ingestion.tests import topic
from processing.logic.content import SchemaContent
from processing.logic.tables.lookup_table import LookupTable
from processing.models import (
    DeadLetter,
    Event,
    Incident,
    LedgerMinute,
    LogicActivation,
    LogicRevision,
    RevisionSpan,
    RollupHour,
    RuleCount,
    SourceStatistics,
)
from processing.recovery.reconcile import reconcile, report_text
from processing.stores.mongodb import documents
from processing.tests import expectations, factories, logic_revisions
from processing.tests.consumer_thread import running_loop
from processing.tests.logic_revisions import rule

pytestmark = pytest.mark.services

TIME = "2026-03-01T12:00:00Z"


def reading(number: int, source: str = "sensor-1", **payload: Any) -> dict[str, Any]:
    return {"sourceId": source, "timestamp": f"2026-03-01T12:{number:02}:00Z", "payload": payload or {"n": number}}


def consume(site: Deployment) -> None:
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)


def assert_agrees() -> None:
    report = reconcile.run()
    assert report.ok, report_text.render(report)


def counts(source: str) -> dict[str, int]:
    names = ("read", "stored", "duplicate", "dead_lettered", "dropped")
    return dict(SourceStatistics.objects.values(*names).get(source_id=source))


def test_a_rule_makes_a_row_and_leaves_the_document_as_it_was_sent(site: Deployment) -> None:
    revision = logic_revisions.use(rule("hot", "set f = n * 1.8 + 32", "remove note", "tag hot", when="n > 20"))
    factories.put_events(site.raw_topic, reading(1, n=25, note="x"), reading(2, n=15, note="y"))

    consume(site)

    warm, cold = Event.objects.order_by("-ts")
    assert (warm.payload, warm.tags, warm.revision) == ({"n": 15, "note": "y"}, None, revision)
    assert (cold.payload, cold.tags, cold.revision) == ({"n": 25, "f": 77.0}, ["hot"], revision)
    assert [each["payload"] for each in documents.database()["events"].find().sort("ts_us")] == [
        {"n": 25, "note": "x"},
        {"n": 15, "note": "y"},
    ]
    assert RollupHour.objects.get(field="f").sum == 77.0
    assert RuleCount.objects.get(name="hot").applied == 1
    assert_agrees()


def test_what_rules_make_is_published_with_its_tags(site: Deployment) -> None:
    logic_revisions.use(rule("double", "set n = n * 2", "tag doubled", when="n < 10"))
    factories.put_events(site.raw_topic, reading(1, n=1), reading(2, n=50))

    consume(site)

    found = {event["payload"]["n"]: event["tags"] for event in topic.events(site.processed_topic)}
    assert found == {2: ["doubled"], 50: []}


def test_rejected_and_dropped_events_are_accounted_for_and_leave_no_document(site: Deployment) -> None:
    logic_revisions.use(
        rule("cold", 'reject "below zero"', when="n < 0"), rule("noise", "drop", when='kind == "noise"')
    )
    sent = [reading(1, n=-1), reading(2, n=2, kind="noise"), reading(2, n=2, kind="noise"), reading(3, n=3)]
    factories.put_events(site.raw_topic, *sent)

    consume(site)

    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.detail, letter.stage) == ("rejected_by_rule", "cold: below zero", "process")
    assert counts("sensor-1") == {"read": 4, "stored": 1, "duplicate": 0, "dead_lettered": 1, "dropped": 2}
    assert documents.database()["events"].count_documents({}) == 1
    account = RuleCount.objects.get(name="noise", source_id="sensor-1")
    assert (account.dropped, LedgerMinute.objects.get().dropped) == (2, 2)
    assert_agrees()


def test_a_schema_warns_or_sets_aside(site: Deployment) -> None:
    document = {"type": "object", "properties": {"n": {"type": "number", "maximum": 10}}, "required": ["n"]}
    logic_revisions.save_schema("numbers", 1, document)
    logic_revisions.use(
        schemas=[
            SchemaContent("numbers", 1, ["sensor-1"], mode="warn"),
            SchemaContent("numbers", 1, ["sensor-2"], mode="enforce"),
        ]
    )
    factories.put_events(
        site.raw_topic, *(reading(n, source, n=n) for source in ("sensor-1", "sensor-2") for n in (5, 50))
    )

    consume(site)

    tags = {(event.source_id, event.payload["n"]): event.tags for event in Event.objects.all()}
    assert tags == {("sensor-1", 5): None, ("sensor-1", 50): ["schema_violation"], ("sensor-2", 5): None}
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.pointer, letter.source_id) == ("schema_violation", "/payload/n", "sensor-2")
    assert "50" not in letter.detail
    assert_agrees()


def test_an_event_that_comes_again_is_judged_by_the_revision_of_today(site: Deployment) -> None:
    once, twice = reading(1, n=1), reading(2, n=2)
    factories.put_events(site.raw_topic, once, twice)
    consume(site)
    logic_revisions.use(rule("ones", "drop", when="n == 1"))
    factories.put_events(site.raw_topic, once, twice)
    consume(site)
    logic_revisions.activate(0)
    factories.put_events(site.raw_topic, once)
    consume(site)

    assert counts("sensor-1") == {"read": 5, "stored": 2, "duplicate": 2, "dead_lettered": 0, "dropped": 1}
    assert [span.revision for span in RevisionSpan.objects.order_by("first_offset")] == [1, 0]
    assert_agrees()


def test_a_running_consumer_follows_the_next_batch_after_a_change(site: Deployment) -> None:
    with running_loop():
        factories.put_events(site.raw_topic, reading(1, n=1))
        site.wait_for(lambda: Event.objects.filter(payload={"n": 1}).exists(), 30)
        logic_revisions.use(rule("double", "set n = n * 2"))
        factories.put_events(site.raw_topic, reading(2, n=2))
        site.wait_for(lambda: Event.objects.filter(payload={"n": 4}).exists(), 10)
        logic_revisions.activate(0)
        factories.put_events(site.raw_topic, reading(3, n=3))
        site.wait_for(lambda: Event.objects.filter(payload={"n": 3}).exists(), 10)

    assert_agrees()


def test_a_revision_that_this_release_cannot_read_is_waited_for(site: Deployment) -> None:
    broken = logic_revisions.use(rule("broken", "fly"))
    factories.put_events(site.raw_topic, reading(1, n=1))

    with running_loop() as loop:
        site.wait_for(lambda: loop.state.waiting, 30)
        assert f"revision {broken}" in str(loop.state.waiting)
        logic_revisions.activate(0)
        site.wait_for(lambda: expectations.caught_up(site), 30)

    assert counts("sensor-1")["stored"] == 1
    assert_agrees()


class PoisonedColumn(dict[str, object]):
    """A column of a lookup table that fails, as a bug of ours would."""

    def __getitem__(self, key: object) -> object:
        raise RuntimeError("poisoned")

    def get(self, key: object, default: object = None) -> object:
        raise RuntimeError("poisoned")


def test_a_rule_that_fails_loses_no_event_and_is_paused(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    table = LookupTable.from_csv(b"code,name\na,Alpha\n", key="code")
    logic_revisions.save_table("names", 1, table)
    broken = rule("broken", 'set name = lookup("names", code, "name")')
    logic_revisions.use(broken, rule("after", "tag after"), tables={"names": 1})
    monkeypatch.setattr(LookupTable, "column", lambda *_: PoisonedColumn())
    with running_loop():
        factories.put_events(site.raw_topic, *(reading(n % 60, n=n, code="a") for n in range(99)))
        site.wait_for(lambda: expectations.caught_up(site), 30)
        assert not Incident.objects.filter(kind="logic").exists()
        factories.put_events(site.raw_topic, *(reading(n % 60, n=n, code="a") for n in range(99, 102)))
        site.wait_for(lambda: Incident.objects.filter(kind="logic").exists(), 30)
        factories.put_events(site.raw_topic, reading(1, n=500, code="a"))
        site.wait_for(lambda: expectations.caught_up(site), 30)

    tags = {event.payload["n"]: event.tags for event in Event.objects.all()}
    assert {tuple(tags[n] or ()) for n in range(102)} == {("logic_error", "after")}
    assert tags[500] == ["after"]
    assert RuleCount.objects.filter(name="broken").aggregate(total=Sum("errors"))["total"] == 102
    incident = Incident.objects.get(kind="logic")
    assert (incident.subject, incident.until) == ("broken", None)
    current = LogicRevision.objects.get(number=LogicActivation.objects.latest("id").revision)
    assert [each.get("enabled", True) for each in current.content["rules"]] == [False, True]
    assert_agrees()
