"""Access to the read API, and the API of keys."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys
from ingestion.models import Key
from processing.models import Event
from queries.tests.stored import ids, make_event, store, store_document

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _keyed(settings: Settings) -> None:
    settings.DATAFLOW_OPEN_READ = False


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def test_reading_needs_a_key_with_the_scope_or_a_sign_in(site: Deployment, client: Client) -> None:
    _, reader = api_keys.create("reader", ["read"])
    _, sender = api_keys.create("sender", ["ingest"])

    assert client.get("/data").json()["code"] == "unauthenticated"
    assert client.get("/data").headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/data", **bearer(sender)).json()["code"] == "forbidden"
    assert client.get("/data", **bearer(reader)).status_code == 200
    assert client.get(f"/data?api_key={reader}").status_code == 401

    client.force_login(User.objects.create_user("viewer", is_staff=True))
    assert client.get("/data").status_code == 200


def test_a_page_sends_a_stranger_to_the_sign_in(site: Deployment, client: Client) -> None:
    answer = client.get("/sources/?cursor=a")

    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/sign-in/?next=%2Fsources%2F%3Fcursor%3Da",
    )
    assert client.get("/healthz").status_code == 200


def test_a_page_that_polls_is_told_that_its_sign_in_has_ended(site: Deployment, client: Client) -> None:
    answer = client.get("/live/overview/")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_key_for_some_sources_reads_these_alone_whatever_the_address_says(site: Deployment, client: Client) -> None:
    own, others = store(make_event("sensor-1"), make_event("sensor-2"))
    _, token = api_keys.create("bound", ["read"], sources=["sensor-1", "sensor-3"])

    def read(path: str) -> Any:
        return client.get(path, **bearer(token))

    for path in ("/data", "/data?source_id=sensor-1", "/data?sourceId=sensor-1", "/data?limit=1"):
        assert ids(read(path).json()["results"]) == [own], path
    for path in ("/data?source_id=sensor-2", "/data?sourceId=unheard", "/data?source_id=sensor-2*"):
        assert read(path).json() == {"next": None, "previous": None, "results": []}, path
    for path in ("/sources/sensor-2/", "/sources/unheard/", "/api/sources/sensor-2/", "/api/sources/sensor-3/"):
        assert read(path).status_code == 404, path
    for path in ("/data?source_id=sensor-1&source_id=sensor-2", "/data?source_id=sensor-1&sourceId=sensor-2"):
        assert ids(read(path).json()["results"]) == [own], path
    assert read(f"/api/events/{others}/").status_code == read(f"/api/events/{UUID(int=1)}/").status_code == 404
    assert read("/api/pipeline/").status_code == 200
    assert read("/api/jobs/?source_id=sensor-1").json()["code"] == "source_not_allowed"


def test_a_raw_document_needs_the_right_to_read_it(site: Deployment, client: Client, settings: Settings) -> None:
    own, others = make_event("sensor-1"), make_event("sensor-2")
    for event in (own, others):
        store(event)
        store_document(event)

    def state(reader: Any, event: Event = own) -> object:
        answer = client.get(f"/api/events/{event.id}/", **reader)
        assert (answer.json().get("document") is None) == (answer.json().get("documentState") != "found")
        return answer.json().get("documentState", answer.status_code)

    def key(*scopes: str, sources: tuple[str, ...] = ()) -> Any:
        return bearer(api_keys.create("reader", list(scopes), sources=sources)[1])

    assert state(key("read")) == state(key("read", "ingest")) == "not_allowed"
    assert state(key("read", "raw")) == state(key("read", "admin")) == "found"
    assert state(key("raw")) == 403
    bound = key("read", "raw", sources=("sensor-1",))
    assert (state(bound), state(bound, others)) == ("found", 404)

    user = User.objects.create_user("viewer", is_staff=True)
    client.force_login(user)
    # A key does not add to a sign-in.
    assert state({}) == state(bound, others) == "not_allowed"
    user.user_permissions.add(Permission.objects.get(codename="read_documents"))
    assert state({}) == "found"

    client.logout()
    settings.DATAFLOW_OPEN_READ = True
    assert state({}) == "found"


def test_keys_are_made_rotated_and_revoked_over_the_api(site: Deployment, client: Client) -> None:
    _, admin = api_keys.create("operator", ["admin"])
    _, reader = api_keys.create("reader", ["read"])
    wanted = {"name": "meter", "scopes": ["ingest"], "sources": ["sensor-1"], "rate": "5:1"}

    def post(path: str, content: object = None) -> Any:
        return client.post(path, json.dumps(content), content_type="application/json", **bearer(admin))

    made = post("/api/keys/", wanted)
    assert made.status_code == 201
    token, prefix = made.json()["token"], made.json()["prefix"]
    assert made.json().items() >= wanted.items()
    rotated = post(f"/api/keys/{prefix}/rotate/")
    assert rotated.json()["token"] != token
    ends = "2031-04-11T12:00:00Z"
    assert post(f"/api/keys/{prefix}/expire/", {"expiresAt": ends}).json()["expiresAt"] == ends
    assert post(f"/api/keys/{prefix}/expire/", {"expiresAt": "soon"}).status_code == 400
    assert post(f"/api/keys/{prefix}/revoke/").json()["revokedAt"] is not None
    assert post(f"/api/keys/{prefix}/rotate/").status_code == 404
    listed = client.get("/api/keys/", **bearer(admin))
    assert {key["prefix"] for key in listed.json()["results"]} >= {prefix, rotated.json()["prefix"]}
    assert b"token" not in listed.content
    assert client.get("/api/keys/", **bearer(reader)).status_code == 403
    assert client.get("/api/keys/").status_code == 401


def test_a_key_says_who_made_it_and_when_it_was_last_used(site: Deployment, client: Client) -> None:
    operator, admin = api_keys.create("operator", ["admin"], by="alice")
    body = json.dumps({"name": "meter"})

    made = client.post("/api/keys/", body, content_type="application/json", **bearer(admin)).json()
    rotated = client.post(f"/api/keys/{made['prefix']}/rotate/", **bearer(admin)).json()
    keys = {key["prefix"]: key for key in client.get("/api/keys/", **bearer(admin)).json()["results"]}

    assert {made["createdBy"], rotated["createdBy"]} == {f"key {operator.prefix}"}
    assert keys[operator.prefix]["createdBy"] == "alice"
    assert keys[operator.prefix]["lastUsedAt"] is not None
    assert (keys[made["prefix"]]["lastUsedAt"], keys[made["prefix"]]["secretIsCurrent"]) == (None, True)


def test_a_reader_s_key_outlives_the_secret_it_was_made_under(
    site: Deployment, client: Client, settings: Settings
) -> None:
    _, reader = api_keys.create("reader", ["read"])
    settings.DATAFLOW_SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the secret of this site after it was changed"

    assert client.get("/data", **bearer(reader)).status_code == 200

    settings.DATAFLOW_SECRET_KEY_FALLBACKS = []
    assert client.get("/data", **bearer(reader)).status_code == 200


def test_a_key_that_can_not_be_is_a_400_that_names_the_field(site: Deployment, client: Client) -> None:
    _, admin = api_keys.create("operator", ["admin"])

    answer = client.post(
        "/api/keys/",
        json.dumps({"scopes": ["rule"], "rate": "x", "sources": ["a b"]}),
        content_type="application/json",
        **bearer(admin),
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/name", "/scopes", "/rate", "/sources"}
    assert b"rule" not in answer.content


def test_a_misspelt_member_of_a_key_is_refused_and_not_left_out(site: Deployment, client: Client) -> None:
    _, admin = api_keys.create("operator", ["admin"])
    before = Key.objects.count()

    for wrong, hint in (("expires_at", "did you mean expiresAt?"), ("colour", "there are: name, scopes, sources")):
        body = json.dumps({"name": "meter", wrong: "2031-04-11T12:00:00Z"})
        answer = client.post("/api/keys/", body, content_type="application/json", **bearer(admin))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
        assert hint in answer.json()["errors"][0]["detail"]
    assert Key.objects.count() == before


def test_a_key_for_some_sources_manages_nothing_whatever_its_scope(site: Deployment, client: Client) -> None:
    meter, _ = api_keys.create("meter", ["ingest"])
    _, bound = api_keys.create("bound", ["admin"], sources=["sensor-1"])
    addresses = ["", *(f"{meter.prefix}/{verb}/" for verb in ("rotate", "expire", "revoke"))]
    paths = [*(f"/api/keys/{one}" for one in addresses), "/api/pipeline/partitions/raw-data/3/resume/"]

    answers = [client.post(path, "{}", content_type="application/json", **bearer(bound)) for path in paths]
    answers += [client.get("/api/keys/", **bearer(bound)), client.get("/api/keys/?source_id=sensor-1", **bearer(bound))]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "source_not_allowed")}
    assert Key.objects.filter(revoked_at=None, expires_at=None).count() == 2
