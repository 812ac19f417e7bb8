"""Revisions of logic: saved once and for ever, made current, and never over what somebody else has saved."""

from __future__ import annotations

import threading

import msgspec
import pytest
from django.db import connection, connections, transaction

from ingestion.models import Source
from processing.logic.content import EMPTY, Content, RuleContent
from processing.logic.faults import InvalidLogic
from processing.logic.revisions import checking, loading, rows, saving
from processing.logic.revisions.conflicts import Conflict
from processing.logic.revisions.following import LabelFollower
from processing.logic.revisions.pausing import pause_rule
from processing.logic.revisions.rows import UnknownRevision
from processing.models import Incident, LogicActivation, LogicRevision
from processing.stores import postgres

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("emptied_site")]

HOT = RuleContent(name="hot", when="temperature > 30", actions=["tag hot"])
COLD = RuleContent(name="cold", when="temperature < 0", actions=["tag cold"])


def save(*rules: RuleContent, base: int = 0, activate: bool = False) -> int:
    return saving.save(Content(rules=list(rules)), base=base, who="ann", reason="why", activate=activate).number


def current() -> int:
    with connection.cursor() as cursor:
        return rows.current(cursor).number


def content() -> Content:
    with connection.cursor() as cursor:
        return rows.content_of(cursor, rows.current(cursor).number)


def test_without_revisions_there_is_no_logic() -> None:
    assert current() == 0
    assert content() == EMPTY


def test_a_saved_revision_is_a_draft_until_it_is_made_current() -> None:
    first = save(HOT)
    drafted = current()
    second = save(HOT, COLD, base=first, activate=True)

    assert (first, drafted, second, current()) == (1, 0, 2, 2)
    row = LogicRevision.objects.get(number=2)
    assert (row.base, row.created_by, row.reason) == (1, "ann", "why")
    assert msgspec.convert(row.content, Content) == Content(rules=[HOT, COLD])


def test_an_earlier_revision_and_no_logic_can_be_made_current_again() -> None:
    save(HOT, activate=True)
    save(HOT, COLD, base=1, activate=True)

    saving.activate(1, who="bob", reason="too cold", expected=2)
    back = content()
    saving.activate(0, who="bob", expected=1)

    assert back.rules == [HOT]
    assert content() == EMPTY
    told = list(LogicActivation.objects.order_by("id").values_list("revision", "who", "reason"))
    assert told == [(1, "ann", "why"), (2, "ann", "why"), (1, "bob", "too cold"), (0, "bob", "")]


def test_what_is_current_already_is_not_made_current_again() -> None:
    save(HOT, activate=True)

    saving.activate(1, who="bob")

    assert LogicActivation.objects.count() == 1


def test_a_revision_that_is_not_there_is_neither_a_base_nor_made_current() -> None:
    with pytest.raises(UnknownRevision, match="there is no revision 7"):
        save(HOT, base=7)
    with pytest.raises(UnknownRevision, match="there is no revision 7"):
        saving.activate(7, who="ann")

    assert not LogicActivation.objects.exists()


def test_content_that_equals_its_base_becomes_no_revision() -> None:
    save(HOT)

    again = save(HOT, base=1, activate=True)

    assert (again, current(), LogicRevision.objects.count()) == (1, 1, 1)


def test_the_second_of_two_who_change_the_same_revision_is_told_what_the_first_one_changed() -> None:
    save(HOT, activate=True)
    save(HOT, COLD, base=1)

    with pytest.raises(Conflict, match=r"revision 2 was saved by ann at .*Z: why") as told:
        save(msgspec.structs.replace(HOT, when="temperature > 31"), base=1)

    assert told.value.number == 2
    assert [(change.what, change.before) for change in told.value.changes] == [("rule cold", None)]
    assert LogicRevision.objects.count() == 2
    # Having seen it, he goes on from there.
    assert save(COLD, base=2) == 3


def test_after_a_step_back_a_change_starts_from_the_current_revision_or_the_newest() -> None:
    save(HOT, activate=True)
    save(COLD, base=1, activate=True)
    saving.activate(1, who="bob", expected=2)

    assert save(HOT, COLD, base=1) == 3

    saving.activate(1, who="bob")
    with pytest.raises(Conflict):
        save(HOT, base=2)


def test_a_revision_becomes_current_only_over_the_one_that_is_expected() -> None:
    save(HOT, activate=True)
    save(HOT, COLD, base=1)
    save(COLD, base=2, activate=True)

    with pytest.raises(Conflict, match="revision 3 was made current by ann") as told:
        saving.activate(2, who="bob", expected=1)

    assert [change.what for change in told.value.changes] == ["rule hot", "rule cold"]
    assert current() == 3


def test_of_many_savers_at_once_one_wins_and_the_others_are_told() -> None:
    save(HOT, activate=True)
    outcomes: list[object] = []

    def one(number: int) -> None:
        rule = msgspec.structs.replace(HOT, when=f"temperature > {number}")
        try:
            outcomes.append(save(rule, base=1, activate=True))
        except Conflict as error:
            outcomes.append(error.number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes == [2] * 5
    assert (LogicRevision.objects.count(), current()) == (2, 2)


def test_nothing_is_saved_of_content_that_cant_be_used() -> None:
    with pytest.raises(InvalidLogic):
        save(HOT, RuleContent(name="bad", when="temperature >", actions=["tag a"]), activate=True)

    assert not LogicRevision.objects.exists()
    assert not LogicActivation.objects.exists()


def test_a_revision_is_loaded_on_the_consumers_cursor_as_on_djangos() -> None:
    save(HOT, activate=True)

    with postgres.connect() as consumer, consumer.cursor() as cursor:
        logics = [loading.load(cursor, 1), loading.load(cursor, 0)]
    with connection.cursor() as cursor:
        logics.append(loading.load(cursor, 1))

    assert [(logic.revision, len(logic.rules)) for logic in logics] == [(1, 1), (0, 0), (1, 1)]


# --- labels ---


def test_a_revision_keeps_the_labels_that_its_rules_use_of_the_sources_they_are_for() -> None:
    Source.objects.create(source_id="plant-1", labels={"site": "north", "owner": "x"})
    Source.objects.create(source_id="plant-2", labels={"site": "south"})
    Source.objects.create(source_id="other", labels={"site": "north"})
    of_label = RuleContent(name="north", labels={"site": "north"}, actions=["tag north"])
    in_text = RuleContent(name="told", sources=["plant-*"], actions=["set where = labels.site"])

    saved = saving.save(Content(rules=[of_label, in_text]), base=0, who="ann")

    kept = {"plant-1": {"site": "north"}, "plant-2": {"site": "south"}, "other": {"site": "north"}}
    assert saved.content["labels"] == kept


def test_changed_labels_make_a_revision_current_only_if_rules_use_them() -> None:
    source = Source.objects.create(source_id="plant-1", labels={"site": "north", "owner": "x"})
    rule = RuleContent(name="north", labels={"site": "north"}, actions=["tag north"])
    save(rule, activate=True)

    source.labels = {"site": "north", "owner": "y"}
    source.save()
    unused = saving.follow_labels(who="bob")
    source.labels = {"site": "south"}
    source.save()
    used = saving.follow_labels(who="bob")

    assert (unused, used, current()) == (None, 2, 2)
    assert content() == Content(rules=[rule])
    assert LogicActivation.objects.first().who == "bob"  # type: ignore[union-attr]


def test_labels_that_a_sender_brings_reach_the_rules_within_the_next_look() -> None:
    rule = RuleContent(name="north", labels={"site": "north"}, actions=["tag north"])
    saving.save(Content(rules=[rule]), base=0, who="ann", activate=True, allow_unmatched=True)
    follower = LabelFollower()
    follower.look()
    Source.objects.create(source_id="plant-1", labels={"site": "north"})

    follower.look()  # too soon
    before = current()
    LabelFollower().look()

    assert (before, current()) == (1, 2)
    assert content().labels == {"plant-1": {"site": "north"}}


def test_rules_without_labels_are_not_even_read_when_labels_change(monkeypatch: pytest.MonkeyPatch) -> None:
    save(HOT, activate=True)
    monkeypatch.setattr(checking, "rules_of", lambda _: pytest.fail("read"))

    assert saving.follow_labels(who="jobs") is None


def test_labels_that_followed_meanwhile_are_no_conflict() -> None:
    Source.objects.create(source_id="plant-1", labels={"site": "north"})
    rule = RuleContent(name="north", labels={"site": "north"}, actions=["tag north"])
    save(rule, activate=True)
    Source.objects.create(source_id="plant-2", labels={"site": "north"})
    followed = saving.follow_labels(who="jobs")

    saved = save(rule, HOT, base=1, activate=True)

    assert (followed, saved) == (2, 3)
    assert set(content().labels) == {"plant-1", "plant-2"}


# --- a failing rule ---


def test_a_paused_rule_stays_in_the_list_disabled_with_an_incident() -> None:
    save(HOT, COLD, activate=True)

    with postgres.connect() as consumer, consumer.transaction(), consumer.cursor() as cursor:
        paused = pause_rule("hot", cursor=cursor, detail="100 errors within a minute")
        again = pause_rule("hot", cursor=cursor, detail="100 errors within a minute")

    assert (paused, again, current()) == (2, None, 2)
    assert [(rule.name, rule.enabled) for rule in content().rules] == [("hot", False), ("cold", True)]
    incident = Incident.objects.get()
    assert (incident.kind, incident.subject, incident.count) == ("logic", "hot", 1)
    assert incident.detail == "the rule hot was paused: 100 errors within a minute"


def test_a_rule_that_is_paused_while_somebody_changes_it_is_a_conflict() -> None:
    save(HOT, activate=True)
    with transaction.atomic(), connection.cursor() as cursor:
        pause_rule("hot", cursor=cursor, detail="100 errors within a minute")

    with pytest.raises(Conflict) as told:
        save(HOT, COLD, base=1, activate=True)

    assert [change.what for change in told.value.changes] == ["rule hot: enabled"]
