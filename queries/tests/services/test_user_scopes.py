"""Who of the people that sign in sees what: by rights, and by the sources that groups name."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.auth.read_scope import EVERYTHING, MOST_VALUES, ReadScope
from ingestion.models import GroupSources
from ingestion.problems import RequestRejected
from queries import user_scopes
from queries.reads import pattern_scopes
from queries.sources import lists
from queries.sources.query import SourceQuery
from queries.tests.stored import NOON, account, make_event, store

pytestmark = pytest.mark.services


def user(name: str, *groups: Group, **rights: Any) -> User:
    made = User.objects.create_user(name, **rights)
    made.groups.set(groups)
    return made


def group(name: str, *patterns: str) -> Group:
    made = Group.objects.create(name=name)
    if patterns:
        GroupSources.objects.create(group=made, patterns=list(patterns))
    return made


def scope(*sources: str) -> ReadScope:
    return ReadScope(frozenset(sources))


def test_people_see_what_their_rights_and_groups_say(site: Deployment) -> None:
    for source in ("plant-1", "plant-2", "hall-1"):
        account(source)
    plant, hall, whole, plain = group("plant", "plant-*"), group("hall", "hall-1"), group("all", "*"), group("plain")
    expected = {
        user("none"): scope(),
        user("plain", plain): scope(),
        user("plant", plant, plain): scope("plant-1", "plant-2"),
        user("both", plant, hall): scope("plant-1", "plant-2", "hall-1"),
        user("whole", hall, whole): EVERYTHING,
        user("operator", is_staff=True): EVERYTHING,
        user("bound operator", hall, is_staff=True): scope("hall-1"),
        user("root", hall, is_superuser=True): EVERYTHING,
    }

    assert {one: user_scopes.scope_of(one) for one in expected} == expected
    assert user_scopes.scopes_of([one.pk for one in expected]) == {one.pk: found for one, found in expected.items()}


def test_people_who_are_not_active_see_nothing(site: Deployment) -> None:
    gone = user("gone", is_active=False, is_superuser=True)

    assert user_scopes.scope_of(gone) == user_scopes.scope_of(AnonymousUser()) == scope()
    assert user_scopes.scopes_of([gone.pk, gone.pk + 1]) == {}


def test_a_change_of_groups_holds_from_the_next_request_on(
    site: Deployment, client: Client, settings: Settings
) -> None:
    settings.DATAFLOW_OPEN_READ = False
    store(make_event("plant-1"), make_event("hall-1"))
    person, hall = user("person"), group("hall", "hall-1")
    client.force_login(person)

    def seen() -> set[str]:
        return {event["sourceId"] for event in client.get("/data").json()["results"]}

    assert seen() == set()
    person.groups.add(hall)
    assert seen() == {"hall-1"}
    hall.delete()
    assert seen() == set()


def test_a_source_that_appears_is_seen_within_seconds_by_keys_for_its_pattern(
    site: Deployment, settings: Settings
) -> None:
    settings.DATAFLOW_OPEN_READ = False
    account("plant-1")
    _, token = api_keys.create("plant", ["read"], sources=["plant-*"])
    reader = Client(headers={"Authorization": f"Bearer {token}"})

    def seen() -> set[str]:
        return {source["sourceId"] for source in reader.get("/api/sources/").json()["results"]}

    assert seen() == {"plant-1"}
    account("plant-2")
    account("planta-1")
    site.wait_for(lambda: seen() == {"plant-1", "plant-2"}, 5)


def test_the_sources_of_patterns_are_looked_up_once_in_a_second(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    account("once-1")
    monkeypatch.setattr(pattern_scopes, "KEPT_FOR", 60.0)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = [pattern_scopes.find(["once-*"]) for _ in range(5)]

    assert found == [scope("once-1")] * 5
    assert len(asked) == 1


def test_a_reader_of_more_sources_than_one_request_may_read_is_told_so(
    site: Deployment, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.DATAFLOW_OPEN_READ = False
    monkeypatch.setattr(pattern_scopes, "MAX_SOURCES", 2)
    for number in range(3):
        account(f"many-{number}")
    _, token = api_keys.create("many", ["read"], sources=["many-*"])
    person = user("many", group("many", "many-*"))

    answer = Client().get("/data", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "more than 2 sources" in answer.json()["detail"]
    with pytest.raises(RequestRejected):
        user_scopes.scope_of(person)
    # The live feed looks up many users at once.
    assert user_scopes.scopes_of([person.pk]) == {person.pk: scope()}


@pytest.mark.parametrize("count", [0, 1, MOST_VALUES, MOST_VALUES + 1])
def test_a_scope_of_any_number_of_sources_filters_by_them(site: Deployment, count: int) -> None:
    for source in ("own-0", "other"):
        account(source)

    found = lists.page(SourceQuery(), scope=scope(*(f"own-{number}" for number in range(count))), now=NOON)

    assert [source["sourceId"] for source in found.results] == ["own-0"][:count]
