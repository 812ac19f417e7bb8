"""The admin of logic: revisions, the form of a rule, schemas and lookup tables."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.models import Source
from processing.admin.event_keys import event_key
from processing.logic.content import Content, RuleContent
from processing.logic.presentation import shapes
from processing.logic.revisions import saving
from processing.models import LogicRevision, LookupTableVersion, RuleCount, SchemaVersion
from processing.tests.admin_pages import INLINE, operator, text
from processing.tests.stored_rows import make_row

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("site")]

LIST = "/admin/processing/logicrevision/"
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


def test_revisions_are_listed_and_shown_with_rules_counts_and_changes() -> None:
    save(HOT)
    save(HOT, COLD, base=1, activate=False)
    minute = timezone.now().replace(second=0, microsecond=0)
    RuleCount.objects.create(kind="rule", name="hot", source_id="", minute=minute, partition=0, applied=1_200, errors=3)
    client = operator()

    listed, shown = page(client, LIST), page(client, f"{LIST}2/change/")

    assert re.findall(r'class="field-state[^"]*">(\w+)<', listed) == ["draft", "current"]
    assert "temperature &lt; 0" in shown
    assert "<td>1,200 applied, 3 errors</td>" in shown
    assert '<span class="added">+ rule cold</span>' in shown
    assert '<span class="removed">- rule cold</span>' in shown
    assert "never made current" in shown


def test_a_revision_is_made_current_and_all_logic_is_switched_off() -> None:
    save(HOT)
    save(COLD, base=1, activate=False)
    client = operator()

    client.post(f"{LIST}2/activate/", {"expected": 1, "reason": "winter"})
    current = shapes.current()
    late = text(client.post(f"{LIST}1/activate/", {"expected": 1}, follow=True))
    client.post(f"{LIST}0/activate/", {"expected": 2})

    assert (current["number"], current["who"], current["reason"]) == (2, "operator", "winter")
    assert "Nothing was changed: revision 2 was made current by operator" in late
    assert content() == Content()
    assert client.post(f"{LIST}7/activate/").status_code == 404
    assert client.get(f"{LIST}1/activate/").status_code == 405


def test_a_rule_is_changed_as_a_draft_or_at_once() -> None:
    save(HOT, COLD)
    client = operator()

    shown = page(client, f"{LIST}1/rule/?name=hot")
    client.post(f"{LIST}1/rule/?name=hot", {**FORM, "reason": "hotter", "place": 2, "draft": ""})
    draft = newest()
    client.post(f"{LIST}2/rule/?name=hot", {**FORM, "labels": "", "enabled": "", "base": 2, "activate": ""})

    assert "temperature &gt; 30" in shown
    assert (draft.number, draft.reason, draft.created_by) == (2, "hotter", "operator")
    drafted = msgspec.convert(draft.content, Content).rules
    assert [(rule.name, rule.when, rule.actions) for rule in drafted] == [
        ("cold", "temperature < 0", ["tag cold"]),
        ("hot", "temperature > 31", ["tag hot", "tag summer"]),
    ]
    assert [(rule.name, rule.enabled) for rule in content().rules] == [("hot", False), ("cold", True)]


def test_a_new_rule_is_made_and_one_is_deleted() -> None:
    client = operator()

    client.post(f"{LIST}0/rule/", {**FORM, "base": 0, "activate": ""})
    made = content().rules
    client.post(f"{LIST}1/rule/delete/", {"name": "hot"})

    assert [rule.name for rule in made] == ["hot"]
    assert msgspec.convert(newest().content, Content).rules == []
    assert client.get(f"{LIST}1/rule/?name=warm").status_code == 404
    assert client.post(f"{LIST}1/rule/delete/", {"name": "warm"}).status_code == 404


def test_what_is_wrong_stands_at_the_fields_and_what_was_typed_stays() -> None:
    save(HOT)
    wrong = {
        **FORM, "when": "temperature >", "actions": "tag hot\ntagg x", "sources": "plant-*", "examples": "[{]", "labels": "x",
    }  # fmt: skip

    form = text(operator().post(f"{LIST}1/rule/?name=hot", wrong))
    rule = text(operator_again().post(f"{LIST}1/rule/?name=hot", {**wrong, "examples": "", "labels": "", "draft": ""}))

    assert "This is not JSON" in form
    assert "Expected NAME=VALUE" in form
    assert "2: expected set, remove" in rule
    assert "plant-* matches no source" in rule
    assert "temperature &gt;</textarea>" in rule
    assert LogicRevision.objects.count() == 1


def operator_again() -> Client:
    client = Client()
    client.force_login(User.objects.get(username="operator"))
    return client


def test_whoever_changes_what_somebody_else_has_changed_sees_it_and_may_save_again() -> None:
    save(HOT)
    client = operator()
    save(HOT, COLD, base=1)

    told = text(client.post(f"{LIST}1/rule/?name=hot", {**FORM, "activate": ""}))
    base = re.search(r'name="base" value="(\d+)"', told)
    assert base is not None
    client.post(f"{LIST}1/rule/?name=hot", {**FORM, "base": base[1], "activate": ""})

    assert "Meanwhile revision 2 was made current by ann" in told
    assert "+ rule cold" in told
    assert [(rule.name, rule.when) for rule in content().rules] == [
        ("hot", "temperature > 31"),
        ("cold", "temperature < 0"),
    ]


def test_a_rule_is_checked_while_one_types_and_the_fields_of_its_sources_are_told() -> None:
    save(HOT)
    Source.objects.create(source_id="plant-1")
    Source.objects.create(source_id="other")
    make_row(source="plant-1", payload={"temperature": 21.5, "site": {"name": "x"}, "odd key": 1, "source": "s"})
    make_row(source="other", payload={"humidity": 3})

    def check(**typed: object) -> dict[str, Any]:
        answer = operator_of_check.post(f"{LIST}1/rule/check/?name=hot", {**FORM, **typed})
        found: dict[str, Any] = json.loads(answer.content)
        return found

    operator_of_check = operator()
    fine, wrong = check(sources="plant-*"), check(sources="plant-*", when="temperature >")

    assert fine["errors"] == {}
    assert [(field["path"], field["value"]) for field in fine["fields"]] == [
        *(('payload["odd key"]', "1"), ('payload["source"]', '"s"'), ("site.name", '"x"'), ("temperature", "21.5")),
    ]
    assert list(wrong["errors"]) == ["when"]
    assert {field["path"] for field in check()["fields"]} >= {"humidity", "temperature"}
    assert LogicRevision.objects.count() == 1


def test_an_event_becomes_an_example_of_a_rule(site: Deployment) -> None:
    save(HOT)
    event = make_row(source="plant-1", payload={"temperature": 35}, document=True)
    client = operator()

    event_page = page(client, f"/admin/processing/event/{event_key(event)}/change/")
    link = re.search(r'href="(/admin/processing/logicrevision/example/[^"]*)"', event_page)
    assert link is not None
    chosen = page(client, link[1])
    address = re.search(r'href="([^"]*name=hot[^"]*)"', chosen)
    assert address is not None
    form = page(client, address[1].replace("&amp;", "&"))

    for part in ("&quot;sourceId&quot;: &quot;plant-1&quot;", "&quot;temperature&quot;: 35", "&quot;hot&quot;"):
        assert part in form


def test_a_lookup_table_is_uploaded_and_used_at_once() -> None:
    client = operator()
    address = "/admin/processing/lookuptableversion/"

    def upload(csv: bytes) -> str:
        given = {"name": "stations", "key": "id", "types": "id=text", "activate": "on"}
        return text(client.post(f"{address}upload/", {**given, "file": SimpleUploadedFile("s.csv", csv)}, follow=True))

    shown = upload(b"id,name\n1,Seattle\n")
    refused = upload(b"id,name\n1,Seattle\n1,x\n")

    assert content().tables == {"stations": 1}
    assert "<td>Seattle</td>" in shown
    assert "the key is there twice" in refused
    assert LookupTableVersion.objects.count() == 1
    assert "stations" in page(client, address)
    page(client, f"{address}upload/")


def test_a_schema_is_inferred_changed_and_enforced() -> None:
    client = operator()
    make_row(source="plant-1", payload={"temperature": 21.5}, document=True)
    address = "/admin/processing/schemaversion/"

    proposed = page(client, f"{address}edit/?infer=plant-1")
    given = {"name": "weather", "sources": "*", "mode": "enforce", "check": "before", "activate": "on"}
    wrong = text(client.post(f"{address}edit/", {**given, "document": '{"type": "objekt"}'}))
    client.post(f"{address}edit/", {**given, "document": '{"type": "object", "required": ["temperature"]}'})

    assert "&quot;temperature&quot;" in proposed
    assert "<td>required</td><td>1 of 1</td>" in proposed
    assert "type: expected one of array" in wrong
    [use] = content().schemas
    assert (use.name, use.version, use.mode, use.sources) == ("weather", 1, "enforce", ["*"])
    row = SchemaVersion.objects.get()
    assert "enforce for *, before the rules" in page(client, f"{address}{row.pk}/change/")
    assert "objekt" not in page(client, f"{address}edit/?version={row.pk}")
    assert "No event of plant-2 is stored" in page(client, f"{address}edit/?infer=plant-2")
    page(client, address)


def test_labels_that_are_changed_here_reach_the_rules_at_once() -> None:
    Source.objects.create(source_id="plant-1", labels={"site": "north"})
    save(RuleContent(name="north", labels={"site": "north"}, actions=["tag north"]))
    client = operator()

    told = text(
        client.post(
            "/admin/ingestion/source/plant-1/change/", {"enabled": "on", "labels": '{"site": "south"}'}, follow=True
        )
    )

    assert "revision 2 of the logic is current" in told
    assert content().labels == {}


def test_whoever_may_only_look_changes_nothing() -> None:
    save(HOT)
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_logicrevision"))
    client = Client()
    client.force_login(user)

    shown = page(client, f"{LIST}1/change/")
    answers = [
        client.post(f"{LIST}0/activate/"),
        client.get(f"{LIST}1/rule/?name=hot"),
        client.post(f"{LIST}1/rule/check/", FORM),
        client.post(f"{LIST}1/rule/delete/", {"name": "hot"}),
        client.get(f"{LIST}example/"),
        client.get("/admin/processing/lookuptableversion/upload/"),
        client.get("/admin/processing/schemaversion/edit/"),
    ]

    assert "Switch all logic off" not in shown
    assert [answer.status_code for answer in answers] == [403] * 7
    assert content().rules == [HOT]
