"""Groups of dead letters and their facets, within what a reader may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deploy.testing.deployment import Deployment
from ingestion.auth.read_scope import EVERYTHING, ReadScope
from processing.dead_letters.filters import WAITING, LetterFilter
from processing.models import DeadLetter
from processing.tests.stored_rows import make_letter
from queries.dead_letters import groups
from queries.dead_letters.groups import GroupQuery

pytestmark = pytest.mark.services

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_letters_with_one_cause_are_one_group_with_its_states_and_its_hours(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line, (hours, state) in enumerate([(30, "stored"), (3, "open"), (3, "open"), (0, "parked")]):
        letter = make_letter(line, fingerprint="f", source_id="a", state=state, detail=f"number {line}")
        seen = NOW - timedelta(hours=hours)
        DeadLetter.objects.filter(pk=letter.pk).update(first_seen=seen, last_seen=seen)
    other = make_letter(4, fingerprint="g", source_id="b", reason="id_conflict", stage="identity")
    make_letter(5, fingerprint="h", source_id="c", state="discarded")

    everything = groups.read(GroupQuery(selection=LetterFilter()), scope=EVERYTHING, now=NOW)
    waiting = groups.read(GroupQuery(selection=LetterFilter(state=WAITING), order="count"), scope=EVERYTHING, now=NOW)
    alone = groups.read(GroupQuery(selection=LetterFilter(source_id="a")), scope=EVERYTHING, now=NOW)
    own = groups.read(GroupQuery(selection=LetterFilter()), scope=ReadScope(frozenset({"b"})), now=NOW)
    nothing = groups.read(GroupQuery(selection=LetterFilter()), scope=ReadScope(frozenset()), now=NOW)
    facets = groups.facets(GroupQuery(selection=LetterFilter(source_id="a", state=WAITING)), scope=EVERYTHING)
    hidden = groups.facets(GroupQuery(selection=LetterFilter()), scope=ReadScope(frozenset({"b"})))

    assert [one["fingerprint"] for one in everything["groups"]] == ["h", "g"]
    assert [(one["fingerprint"], one["count"]) for one in waiting["groups"]] == [("f", 3), ("g", 1)]
    [whole] = [one for one in everything["groups"] if one["fingerprint"] == "h"]
    assert [(one["sourceId"], one["fingerprint"], one["count"]) for one in whole["sources"]] == [
        ("a", "f", 4),
        ("c", "h", 1),
    ]
    assert (whole["count"], whole["states"]) == (5, {"stored": 1, "open": 2, "parked": 1, "discarded": 1})
    [group] = [one for one in alone["groups"] if one["fingerprint"] == "f"]
    assert (group["count"], group["states"]) == (4, {"stored": 1, "open": 2, "parked": 1})
    assert (group["firstSeen"], group["lastSeen"]) == ("2026-02-28T06:30:00Z", "2026-03-01T12:30:00Z")
    assert (group["detail"], group["meaning"]) == ("number 3", "The text is not JSON in UTF-8")
    assert (group["bars"]["start"], group["bars"]["width"]) == ("2026-02-28T13:00:00Z", 3600)
    assert {place: count for place, count in enumerate(group["bars"]["counts"]) if count} == {20: 2, 23: 1}
    assert nothing["groups"] == []
    assert [one["newest"] for one in own["groups"]] == [other.pk]
    assert (everything["counted"], everything["complete"], everything["more"]) == (6, True, False)
    assert facets == {
        "reason": [{"value": "not_json", "count": 3}],
        "source_id": [{"value": "a", "count": 3}, {"value": "b", "count": 1}],
        "stage": [{"value": "decode", "count": 3}],
    }
    assert hidden["source_id"] == [{"value": "b", "count": 1}]

    monkeypatch.setattr(groups, "MOST_COUNTED", 2)
    bounded = groups.read(GroupQuery(selection=LetterFilter()), scope=EVERYTHING, now=NOW)
    assert (bounded["counted"], bounded["complete"]) == (2, False)
