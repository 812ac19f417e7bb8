"""The pages of logic: rules in their order and their editor, schemas, lookup tables, revisions, trials and replays."""

from __future__ import annotations

import html
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import msgspec
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from ingestion.events import timestamps
from ingestion.events.identity.content_hash import content_hash
from ingestion.models import GroupSources, Source
from processing.jobs import queue
from processing.logic.content import Content, RuleContent
from processing.logic.presentation import shapes
from processing.logic.revisions import pausing, saving
from processing.models import (
    Event,
    Incident,
    Job,
    LogicActivation,
    LogicRevision,
    LookupTableVersion,
    RuleCount,
    SchemaVersion,
    SourceStatistics,
)
from processing.stores.mongodb import documents
from processing.stores.mongodb.documents import DocumentsUnavailable
from processing.tests.admin_pages import INLINE, operator, text
from processing.trials.job import Trial
from queries.logic import rule_activity
from queries.reads.postgres import ReadUnavailable
from queries.tests import stored

pytestmark = pytest.mark.services

HOT = RuleContent(name="hot", when="temperature > 30", actions=["tag hot"])
COLD = RuleContent(name="cold", when="temperature < 0", actions=["tag cold"])
FORM = {
    "name": "hot",
    "when": "temperature > 31",
    "actions": "tag hot\ntag summer",
    "place": 1,
    "enabled": "on",
    "base": 1,
}
PAGES = [
    *("/logic/", "/logic/rules/hot/", "/logic/rules/new/", "/logic/schemas/", "/logic/schemas/new/", "/logic/tables/"),
    *("/logic/tables/new/", "/logic/revisions/", "/logic/revisions/1/", "/logic/revisions/0/", "/logic/replays/"),
]
MODELS = (LogicActivation, LogicRevision, SchemaVersion, LookupTableVersion, RuleCount, Incident, Job, Source, Event)


@pytest.fixture(name="site", scope="module", autouse=True)
def _site(module_site: Deployment) -> Deployment:
    return module_site


@pytest.fixture(autouse=True)
def _fresh(site: Deployment) -> None:
    for model in (*MODELS, SourceStatistics, User):
        model._default_manager.all().delete()
    documents.database()["events"].delete_many({})


def save(*rules: RuleContent, base: int = 0, activate: bool = True) -> None:
    saving.save(Content(rules=list(rules)), base=base, who="ann", reason="first", activate=activate)


def content() -> Content:
    return shapes.current()["content"]


def newest() -> LogicRevision:
    row = LogicRevision.objects.first()
    assert row is not None
    return row


def page(client: Client, address: str) -> str:
    found = text(client.get(address))
    assert not INLINE.search(found)
    return found


def shown(answer: HttpResponseBase, status: int) -> str:
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == status
    return answer.content.decode()


def send(number: int, source: str, payload: dict[str, object]) -> str:
    """Store an event as a consumer does, and return its address."""
    at = datetime(2009, 3, 1, 12, tzinfo=UTC) + timedelta(microseconds=number)
    event = stored.make_event(source, ts=at, payload=payload, event_id=UUID(int=number), offset=number)
    event.content_hash = content_hash(timestamps.to_micros(at), payload)
    stored.store(event)
    stored.store_document(event)
    Source.objects.get_or_create(source_id=source)
    if not SourceStatistics.objects.filter(source_id=source).exists():
        stored.account(source)
    return f"{source}/{event.id}"


def person(*permissions: str, patterns: tuple[str, ...] = ("*",)) -> Client:
    user = User.objects.create_user(f"person-{User.objects.count()}")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    group = Group.objects.get_or_create(name=f"of {' '.join(patterns)}")[0]
    GroupSources.objects.get_or_create(group=group, defaults={"patterns": list(patterns)})
    user.groups.add(group)
    client = Client()
    client.force_login(user)
    return client


def test_rules_stand_in_their_order_with_what_each_did_in_the_last_hour() -> None:
    drop = RuleContent(name="drop it", actions=["drop"])
    save(HOT, COLD, drop)
    minute = timezone.now().replace(second=0, microsecond=0)
    for ago, applied in ((0, 1_200), (30, 34), (62, 500_000)):
        at = minute - timedelta(minutes=ago)
        RuleCount.objects.create(
            kind="rule", name="hot", source_id="", minute=at, partition=0, applied=applied, errors=3
        )
    RuleCount.objects.create(kind="rule", name="drop it", source_id="", minute=minute, partition=0, applied=7)
    RuleCount.objects.create(kind="rule", name="drop it", source_id="a", minute=minute, partition=0, dropped=7)
    client = operator()

    rules = json.loads(client.get("/logic.json").content)["rules"]
    seen = page(client, "/logic/")

    assert [(rule["name"], rule["place"]) for rule in rules] == [("hot", 1), ("cold", 2), ("drop it", 3)]
    hour = rules[0]["hour"]
    assert (hour["matched"], hour["changed"], hour["errors"]) == (1_234, 1_234, 6)
    assert [count for count in hour["minutes"] if count] == [34, 1_200]
    assert [rules[2]["hour"][name] for name in ("matched", "changed", "dropped")] == [7, 0, 7]
    assert re.findall(r'data-title="Matched">([^<]*)<', seen) == ["1,234", "0", "7"]
    assert 'href="/logic/rules/drop%20it/"' in seen
    with patch.object(rule_activity, "_hours", return_value=None):
        unknown = page(client, "/logic/")
    assert re.findall(r'data-title="Matched">([^<]*)<', unknown) == ["–", "–", "–"]
    assert "is not known" in unknown


def test_a_rule_is_moved_disabled_and_enabled_beside_what_somebody_else_changes() -> None:
    save(HOT, COLD)
    client = operator()

    moved = client.post("/logic/move/", {"name": "cold", "place": 1, "from": 2, "base": 1})
    client.post("/logic/switch/", {"name": "hot", "enabled": "false", "base": 2})
    late = text(client.post("/logic/switch/", {"name": "cold", "enabled": "false", "base": 1}, follow=True))
    gone = text(client.post("/logic/move/", {"name": "warm", "place": 1, "base": 4}, follow=True))

    assert moved.headers["Location"] == "/logic/?moved=cold&toward=up"
    assert [(rule.name, rule.enabled) for rule in content().rules] == [("cold", False), ("hot", False)]
    assert "Meanwhile revision 3 was made current by operator: rule hot disabled." in late
    assert "Nothing was changed: meanwhile there is no rule warm." in gone
    assert shapes.current()["reason"] == "rule cold disabled"


def test_a_rule_that_was_paused_says_why() -> None:
    save(HOT)
    from_consumer = "it failed on 100 events in a minute"
    with transaction.atomic(), connection.cursor() as cursor:
        pausing.pause_rule("hot", cursor=cursor, detail=from_consumer)

    assert from_consumer in page(operator(), "/logic/")


def test_a_rule_is_changed_as_a_draft_or_at_once_made_and_deleted() -> None:
    save(HOT, COLD)
    client = operator()

    seen = page(client, "/logic/rules/hot/")
    drafted = client.post("/logic/rules/hot/", {**FORM, "reason": "hotter", "place": 2, "draft": "1"})
    draft = newest()
    client.post("/logic/rules/hot/", {**FORM, "enabled": "", "base": 2, "activate": "1"})
    made = client.post("/logic/rules/new/", {**FORM, "name": "a/b", "base": 3, "place": 3, "activate": "1"})
    client.post("/logic/delete/", {"name": "cold", "base": 4})

    assert "temperature &gt; 30" in seen
    assert drafted.headers["Location"] == "/logic/revisions/2/"
    assert (draft.number, draft.reason, draft.created_by) == (2, "hotter", "operator")
    assert [(rule.name, rule.when, rule.actions) for rule in msgspec.convert(draft.content, Content).rules] == [
        ("cold", "temperature < 0", ["tag cold"]),
        ("hot", "temperature > 31", ["tag hot", "tag summer"]),
    ]
    assert made.headers["Location"] == "/logic/?moved=a%2Fb"
    assert [(rule.name, rule.enabled) for rule in content().rules] == [("hot", False), ("cold", True), ("a/b", True)]
    assert "a/b" in page(client, "/logic/rules/new/?name=a%2Fb")
    assert [rule.name for rule in msgspec.convert(newest().content, Content).rules] == ["hot", "a/b"]
    assert client.get("/logic/rules/warm/").status_code == 404
    assert client.post("/logic/delete/", {"name": "warm", "base": 4}).status_code == 404


def test_what_is_wrong_stands_at_the_fields_and_what_was_typed_stays() -> None:
    save(HOT)
    client = operator()
    wrong = {
        **FORM, "when": "temperature >", "actions": "tag hot\ntagg x", "sources": "plant-*", "examples": "[{]", "labels": "x",
    }  # fmt: skip

    form = shown(client.post("/logic/rules/hot/", {**wrong, "draft": "1"}), 422)
    rule = shown(client.post("/logic/rules/hot/", {**wrong, "examples": "", "labels": "", "draft": "1"}), 422)

    assert "This is not JSON" in form
    assert "Expected NAME=VALUE" in form
    assert "2: expected set, remove" in rule
    assert "plant-* matches no source" in rule
    assert "temperature &gt;</textarea>" in rule
    assert LogicRevision.objects.count() == 1


def test_whoever_changes_what_somebody_else_has_changed_sees_it_and_loses_nothing() -> None:
    save(HOT)
    client = operator()
    save(HOT, COLD, base=1)

    told = shown(client.post("/logic/rules/hot/", {**FORM, "activate": "1"}), 409)
    base = re.search(r'name="base" value="(\d+)"', told)
    assert base is not None
    client.post("/logic/rules/hot/", {**FORM, "base": base[1], "activate": "1"})
    save(COLD, base=3)
    gone = shown(client.post("/logic/rules/hot/", {**FORM, "base": 3, "activate": "1"}), 409)
    client.post("/logic/rules/new/", {**FORM, "base": 4, "activate": "1"})

    assert "Meanwhile revision 2 was made current by ann" in told
    assert "+ rule cold" in told
    assert "temperature &gt; 31</textarea>" in told
    assert "The rule hot is gone there; saving makes it anew." in gone
    assert "temperature &gt; 31</textarea>" in gone
    assert [(rule.name, rule.when) for rule in content().rules] == [
        ("hot", "temperature > 31"),
        ("cold", "temperature < 0"),
    ]


def test_a_rule_is_checked_and_tried_on_the_last_events_before_it_is_saved() -> None:
    save(HOT)
    for number in range(23):
        send(number, "plant-1", {"temperature": 20 + number, "site": {"name": "x"}, "odd key": 1, "source": "s"})
    send(90, "other", {"humidity": 3})
    client = operator()
    typed = {**FORM, "actions": "set fahrenheit = temperature * 2\nremove site", "when": "temperature > 40", "try": "1"}

    tried = text(client.post("/logic/rules/hot/", {**typed, "sources": "plant-*"}))
    wrong = text(client.post("/logic/rules/hot/", {**typed, "sources": "plant-*", "when": "temperature >"}))
    blind = text(person("change_logicrevision").post("/logic/rules/hot/", {**typed, "sources": "plant-1"}))
    off = text(client.post("/logic/rules/hot/", {**typed, "sources": "plant-*", "enabled": ""}))
    of_all = json.loads(client.get("/logic/rules/hot.json?try=1&events_of=other").content)["trial"]
    with patch.object(documents, "find_many", side_effect=DocumentsUnavailable):
        away = text(client.post("/logic/rules/hot/", typed))

    assert "20 events: 2 applied, 18 not applied. 12 come out otherwise than now." in tried
    assert re.findall(r"<code>(/\w+)</code> <del>(.*?)</del> → <ins>(.*?)</ins>", tried)[:2] == [
        ("/site", "{&quot;name&quot;:&quot;x&quot;}", "nothing"),
        ("/fahrenheit", "nothing", "84"),
    ]
    assert "temperature = 40" in tried
    assert re.findall(r'data-path="([^"]*)"', tried) == [
        *("payload[&quot;odd key&quot;]", "payload[&quot;source&quot;]", "site.name", "temperature"),
    ]
    assert "Tried as if the rule were enabled." not in tried
    assert "2 applied, 18 not applied. 12 come out otherwise than now. Tried as if the rule were enabled." in off
    assert "Mend what is wrong first." in wrong
    assert "invalid syntax" in wrong
    assert "<code>/fahrenheit</code>" in blind
    assert "<del>" not in blind
    assert [event["sourceId"] for event in of_all["events"]] == ["other"]
    assert of_all["events"][0]["outcome"] == "not applied"
    assert "MongoDB, which has what was sent, does not answer" in away
    assert LogicRevision.objects.count() == 1


def test_an_event_becomes_an_example_of_a_new_rule_or_of_one_that_is_there() -> None:
    save(HOT)
    address = send(1, "plant-1", {"temperature": 35})
    client = operator()

    new, old = page(client, f"/logic/rules/new/?event={address}"), page(client, f"/logic/rules/hot/?event={address}")
    none = page(client, "/logic/rules/new/?event=plant-1/x&actions=tag+x")
    blind = page(person("change_logicrevision"), f"/logic/rules/new/?event={address}")

    for part in ("&quot;sourceId&quot;: &quot;plant-1&quot;", "&quot;temperature&quot;: 35", "&quot;hot&quot;"):
        assert part in new
        assert part in old
    assert f'href="/logic/rules/hot/?event={address}"' in new
    assert "Expected the source and the id of an event" in none
    assert ">tag x</textarea>" in none.replace("\n", "")
    assert ">plant-1</textarea>" in new.replace("\n", "")
    assert "you may not read raw documents" in blind
    # Of the new rule's own effect nothing has to be typed: one press writes it, and one more saves.
    example = html.unescape(re.search(r'<textarea name="examples".*?>(.*?)</textarea>', new, re.DOTALL)[1])  # type: ignore[index]
    typed = {**FORM, "name": "warm", "actions": "tag warm", "sources": "plant-1", "examples": example}
    expecting = shown(client.post("/logic/rules/new/", {**typed, "expect": "1"}), 200)
    filled = html.unescape(re.search(r'<textarea name="examples".*?>(.*?)</textarea>', expecting, re.DOTALL)[1])  # type: ignore[index]
    assert "expected" in shown(client.post("/logic/rules/new/", {**typed, "draft": "1"}), 422)
    assert sorted(json.loads(filled)[0]["output"]["tags"]) == ["hot", "warm"]
    assert client.post("/logic/rules/new/", {**typed, "examples": filled, "draft": "1"}).status_code == 302
    assert "Or add it to" not in page(client, "/logic/rules/hot/?event=" + address)
    assert "&quot;temperature&quot;: 35" not in blind


def test_revisions_are_compared_and_one_is_made_current() -> None:
    save(HOT)
    save(HOT, COLD, base=1, activate=False)
    client = operator()

    listed, draft = page(client, "/logic/revisions/"), page(client, "/logic/revisions/2/")
    compared = json.loads(client.get("/logic/revisions/2.json?against=0").content)["against"]
    client.post("/logic/revisions/2/activate/", {"expected": 1, "reason": "winter"})
    current = shapes.current()
    late = text(client.post("/logic/revisions/1/activate/", {"expected": 1}, follow=True))
    client.post("/logic/revisions/0/activate/", {"expected": 2})

    assert re.findall(r'class="tag"[^>]*>(\w+)<', listed) == ["draft", "current"]
    assert draft.count('<span class="added">+ rule cold</span>') == 1
    assert "Never made current" in draft
    assert [change["what"] for change in compared["changes"]] == ["rule hot", "rule cold"]
    assert (current["number"], current["who"], current["reason"]) == (2, "operator", "winter")
    assert "Nothing was changed: revision 2 was made current by operator" in late
    assert content() == Content()
    for number in (7, 2**31, 10**20):
        assert client.post(f"/logic/revisions/{number}/activate/").status_code == 404
        assert client.get(f"/logic/revisions/{number}/").status_code == 404


def test_a_schema_is_inferred_changed_and_enforced() -> None:
    client = operator()
    send(1, "plant-1", {"temperature": 21.5})

    proposed = page(client, "/logic/schemas/new/?infer=plant-1")
    given = {"name": "weather", "sources": "*", "mode": "enforce", "check": "before", "activate": "on"}
    wrong = shown(client.post("/logic/schemas/new/", {**given, "document": '{"type": "objekt"}'}), 422)
    right = {**given, "document": '{"type": "object", "required": ["temperature"]}'}
    saved = client.post("/logic/schemas/new/", right)

    assert "&quot;temperature&quot;" in proposed
    assert "<td>required</td><td>1 of 1</td>" in proposed
    assert "type: expected one of array" in wrong
    assert "objekt" in wrong
    [use] = content().schemas
    assert (use.name, use.version, use.mode, use.sources) == ("weather", 1, "enforce", ["*"])
    assert "enforce for *, before the rules" in page(client, saved.headers["Location"])
    assert "enforce for *, before the rules" in page(client, "/logic/schemas/")
    client.post("/logic/schemas/weather/stop/")
    assert content().schemas == []
    assert "No schema is proposed" in page(client, "/logic/schemas/weather/?infer=plant-2")
    assert client.get("/logic/schemas/wether/").status_code == 404


def test_a_lookup_table_is_uploaded_and_used_at_once() -> None:
    client = operator()

    def upload(csv: bytes) -> HttpResponseBase:
        given = {"name": "stations", "key": "id", "types": "id=text", "activate": "on"}
        file = SimpleUploadedFile("s.csv", csv)
        return client.post("/logic/tables/new/", {**given, "file": file}, follow=True)

    uploaded = text(upload(b"id,name\n1,Seattle\n"))
    refused = shown(upload(b"id,name\n1,Seattle\n1,x\n"), 422)

    assert content().tables == {"stations": 1}
    assert "<td>Seattle</td>" in uploaded
    assert "the key is there twice" in refused
    assert LookupTableVersion.objects.count() == 1
    assert "stations" in page(client, "/logic/tables/")
    client.post("/logic/tables/stations/use/", {"version": 0})
    assert content().tables == {}
    assert "has no version 7" in text(client.post("/logic/tables/stations/use/", {"version": 7}, follow=True))
    client.post("/logic/tables/stations/use/", {"version": 1})
    assert content().tables == {"stations": 1}


def test_a_draft_is_tried_on_history_and_its_difference_is_shown() -> None:
    save(HOT)
    for number in range(3):
        send(number, "plant-1", {"temperature": 29 + number})
    client = operator()
    typed = {**FORM, "when": "temperature > 29", "sources": "plant-*", "history": "1"}

    started = client.post("/logic/rules/hot/", typed)
    job = Job.objects.get()
    claimed = queue.claim("here", {job.kind: Trial().step})
    assert claimed is not None
    queue.run(claimed, Trial().step, stopping=threading.Event())
    report = page(client, started.headers["Location"])
    onward = page(client, f"/logic/replays/?job={job.pk}")

    assert started.headers["Location"] == f"/jobs/{job.pk}/"
    assert (job.kind, job.arguments["revision"], job.arguments["sources"]) == ("try_logic", 2, ["plant-*"])
    assert "2 of 3 events would come out otherwise" in report
    assert f'href="/logic/replays/?job={job.pk}"' in report
    assert f"Go on from trial {job.pk}" in onward
    assert 'name="revision" value="2"' in onward


def test_a_replay_is_planned_carried_out_and_undone() -> None:
    save(HOT)
    save(COLD, base=1)
    client = operator()
    selection = {"sources": "plant-1", "since": "2026-01-01", "until": "2026-05-01T00:00:00+02:00"}

    def end(job: Job) -> str:
        Job.objects.filter(pk=job.pk).update(state="done", started_at=timezone.now(), finished_at=timezone.now())
        return page(client, f"/logic/replays/?job={job.pk}").partition('id="start-title"')[2].partition("</form>")[0]

    client.post("/logic/replays/", {**selection, "revision": 2, "action": "count"})
    plan = Job.objects.get()
    carry_out = end(plan)
    client.post("/logic/replays/", {**dict(re.findall(r'name="(\w+)" value="([^"]*)"', carry_out)), "action": "replay"})
    replay = Job.objects.get(arguments__dryRun=False)
    undo = end(replay)

    assert (plan.kind, plan.arguments["revision"], plan.arguments["dryRun"]) == ("replay", 2, True)
    assert f"Carry out plan {plan.pk}" in carry_out
    assert '<option value="replay" selected>' in carry_out
    assert (replay.arguments["revision"], replay.arguments["sources"]) == (2, ["plant-1"])
    assert (replay.arguments["since"], replay.arguments["until"]) == ("2026-01-01T00:00:00Z", "2026-04-30T22:00:00Z")
    assert f"Undo replay {replay.pk}" in undo
    assert 'name="revision" value="1"' in undo
    assert '<option value="count" selected>' in undo
    assert ">Undo</a>" in page(client, "/logic/replays/")
    assert 'value="plant-9"' in page(client, "/logic/replays/?revision=1&sources=plant-9&action=try")


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"sources": "a*b"}, "sources have to be"),
        ({"since": "yesterday"}, "expected a date"),
        ({"since": "2026-01-02", "until": "2026-01-01", "action": "count"}, "the range is empty"),
        ({"action": "more"}, "Select a valid choice"),
        ({"revision": 9}, "there is no revision 9"),
    ],
)
def test_what_can_not_be_done_is_said_and_nothing_is_started(form: dict[str, Any], reason: str) -> None:
    told = shown(operator().post("/logic/replays/", {"action": "try", "revision": 0, **form}), 422)

    assert reason in told
    assert not Job.objects.exists()


def test_who_may_only_look_changes_nothing_and_is_offered_nothing() -> None:
    save(HOT)
    reader = person("view_logicrevision")

    pages = {address: page(reader, address).partition("<main")[2] for address in PAGES}
    posts = [
        *("/logic/move/", "/logic/switch/", "/logic/delete/", "/logic/rules/hot/", "/logic/rules/new/"),
        *("/logic/schemas/new/", "/logic/tables/new/", "/logic/revisions/0/activate/", "/logic/replays/"),
        *("/logic/schemas/x/stop/", "/logic/tables/x/use/"),
    ]
    answers = {address: reader.post(address, FORM).status_code for address in posts}

    assert {address for address, found in pages.items() if 'method="post"' in found} == set()
    assert set(answers.values()) == {403}
    assert content().rules == [HOT]


def test_who_may_see_some_sources_only_sees_no_logic_and_changes_none(settings: Settings) -> None:
    save(HOT)
    bound, change = person("change_logicrevision", patterns=("plant-1",)), {"name": "hot", "enabled": "false"}

    where_all_is_open = bound.post("/logic/switch/", change)
    settings.DATAFLOW_OPEN_READ = False
    answers = [bound.get(address) for address in (*PAGES[1:], "/logic/rules/hot.json")]
    posted = bound.post("/logic/switch/", change)

    assert {answer.status_code for answer in (*answers, posted, where_all_is_open)} == {403}
    assert content().rules == [HOT]


def test_who_may_see_some_sources_only_sees_what_rules_took_from_these(settings: Settings) -> None:
    others = RuleContent(name="foreign", sources=["press-*"], actions=["drop"])
    labelled = RuleContent(name="labelled", labels={"site": "north"}, actions=["drop"])
    Source.objects.create(source_id="plant-1", labels={"site": "north"})
    Source.objects.create(source_id="press-1", labels={"site": "south"})
    save(HOT, others, RuleContent(name="mine", sources=["plant-*"], actions=["drop"]), labelled)
    minute = timezone.now().replace(second=0, microsecond=0)
    for source, dropped in (("plant-1", 7), ("press-1", 1_000)):
        RuleCount.objects.create(
            kind="rule", name="mine", source_id=source, minute=minute, partition=0, dropped=dropped
        )
    settings.DATAFLOW_OPEN_READ = False
    bound = person(patterns=("plant-1",))

    rules, seen = json.loads(bound.get("/logic.json").content), page(bound, "/logic/")

    assert [(rule["name"], rule["dropped"]) for rule in rules["ownRules"]] == [("hot", 0), ("mine", 7), ("labelled", 0)]
    assert list(rules) == ["ownRules"]
    for hidden in ("foreign", "temperature", "press", "1,000", "ann"):
        assert hidden not in seen.partition("<main")[2]


def test_the_pages_open_while_postgresql_is_away() -> None:
    client = operator()
    with patch.object(rule_activity, "read", side_effect=ReadUnavailable):
        assert "PostgreSQL, which has the logic, does not answer" in page(client, "/logic/")
