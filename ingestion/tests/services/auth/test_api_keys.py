from __future__ import annotations

import io
import json
import time
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from deploy.testing.deployment import Deployment, ProductProcess
from ingestion.auth import api_keys, tokens
from ingestion.models import Key, Source
from ingestion.tests.client import JSON, Reply, call, event, numbered
from ingestion.tests.conftest import MakeReceiver, Receiver, open_receiver
from ingestion.tests.topic import events

pytestmark = pytest.mark.services

KEYED = {"DATAFLOW_OPEN_INGEST": "0"}


@pytest.fixture(scope="module")
def keyed(make_receiver: MakeReceiver) -> Receiver:
    """A receiver that asks for a key; each test has keys and sources of its own."""
    return make_receiver(KEYED)


def send(receiver: ProductProcess | Receiver, token: str | None, content: Any = None, **headers: str) -> Reply:
    sent = {**JSON, **headers} | ({"Authorization": f"Bearer {token}"} if token else {})
    return call(receiver.url, "POST", "/ingest", json.dumps(content or event()).encode(), sent)


def test_a_key_opens_the_receiver_in_every_usual_form(keyed: Receiver) -> None:
    _, token = api_keys.create("meter", ["ingest"])
    basic = b64encode(f"anybody:{token}".encode()).decode()

    forms = [
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"token {token}"},
        {"Authorization": f"Basic {basic}"},
        {"X-API-Key": token},
    ]

    assert {send(keyed, None, None, **form).status for form in forms} == {202}


def test_no_wrong_key_is_told_from_another(keyed: Receiver) -> None:
    revoked, revoked_token = api_keys.create("revoked", ["ingest"])
    api_keys.revoke(revoked)
    _, expired = api_keys.create("expired", ["ingest"], expires_at=timezone.now() - timedelta(seconds=1))

    tokens_tried = (None, "nonsense", f"dfe_{'0' * 8}_{'0' * 40}", revoked_token, expired)
    replies = [send(keyed, token, event("guessed")) for token in tokens_tried]

    assert {reply.status for reply in replies} == {401}
    assert {reply.headers["www-authenticate"] for reply in replies} == {'Bearer realm="dataflow"'}
    bodies = [{**reply.json, "requestId": ""} for reply in replies]
    assert all(body == bodies[0] for body in bodies)
    assert "guessed" not in {line["source"] for line in events(keyed.topic)}


def test_a_key_in_the_address_is_refused_with_a_hint(keyed: Receiver) -> None:
    _, token = api_keys.create("careless", ["ingest"])

    reply = call(keyed.url, "POST", f"/ingest?api_key={token}", json.dumps(event()).encode(), JSON)

    assert (reply.status, reply.code) == (401, "unauthenticated")
    assert "Authorization" in reply.json["detail"]


def test_scope_and_sources_bound_what_a_key_can_do(keyed: Receiver) -> None:
    _, reader = api_keys.create("reader", ["read"])
    _, bound = api_keys.create("bound", ["ingest"], sources=["sensor-1"])

    assert send(keyed, reader).code == "forbidden"
    assert send(keyed, bound, event("sensor-1")).status == 202
    assert (send(keyed, bound, event("sensor-2")).status, send(keyed, bound, event("sensor-2")).code) == (
        403,
        "source_not_allowed",
    )
    mixed = send(keyed, bound, [event("sensor-1"), event("sensor-2")])
    assert (mixed.status, mixed.json["results"][0]["code"]) == (207, "source_not_allowed")
    assert send(keyed, bound, [event("sensor-2")]).status == 403


def test_a_key_for_a_pattern_sends_all_of_its_sources_and_no_other(keyed: Receiver) -> None:
    key, token = api_keys.create("plant", ["ingest"], sources=["plant-*", "hall-1"])
    _, rotated = api_keys.rotate(key)

    for each in (token, rotated):
        assert [send(keyed, each, event(source)).status for source in ("plant-1", "plant-new", "hall-1")] == [202] * 3
        assert {send(keyed, each, event(source)).code for source in ("plant", "planta", "hall-10", "other")} == {
            "source_not_allowed"
        }
    mixed = send(keyed, token, [event("plant-1"), event("hall-2")])
    assert (mixed.status, mixed.json["results"][0]["code"]) == (207, "source_not_allowed")


def test_a_rotated_key_lives_beside_its_successor_and_a_revoked_one_is_refused_within_a_second(
    keyed: Receiver,
) -> None:
    first, old = api_keys.create("meter", ["ingest"])
    assert send(keyed, old).status == 202
    _, new = api_keys.rotate(first)

    assert [send(keyed, old).status, send(keyed, new).status] == [202, 202]

    api_keys.revoke(first)
    keyed.site.wait_for(lambda: send(keyed, old).status == 401, 1)
    assert send(keyed, new).status == 202


@pytest.mark.faults
def test_known_keys_go_on_without_postgresql_and_unknown_ones_get_a_503(
    keyed: Receiver,
) -> None:
    _, known = api_keys.create("known", ["ingest"])
    _, unseen = api_keys.create("unseen", ["ingest"])
    assert send(keyed, known).status == 202
    # The connection that tells of revocations comes back with a doubt about every key.
    keyed.site.servers.postgres.freeze()
    try:
        began = time.monotonic()
        assert (send(keyed, unseen).status, send(keyed, unseen).code) == (503, "store_unavailable")
        assert send(keyed, known).status == 202
        assert time.monotonic() - began < 6
    finally:
        keyed.site.servers.postgres.thaw()
    keyed.site.wait_for(lambda: send(keyed, unseen).status == 202, 10)


def test_a_disabled_source_is_refused_by_name(keyed: Receiver) -> None:
    _, token = api_keys.create("meter", ["ingest"])
    Source.objects.create(source_id="broken", enabled=False)
    api_keys.push(api_keys.SOURCES)

    keyed.site.wait_for(lambda: send(keyed, token, event("broken")).status == 403, 2)
    assert send(keyed, token, event("broken")).code == "source_disabled"
    assert send(keyed, token, event("fine")).status == 202


def test_new_sources_are_registered_unless_the_site_wants_known_ones(site: Deployment) -> None:
    open_to_all = open_receiver(site)
    assert send(open_to_all, None, event("newcomer")).status == 202
    site.wait_for(lambda: Source.objects.filter(source_id="newcomer", enabled=True).exists(), 5)

    strict = open_receiver(site, {"DATAFLOW_REQUIRE_KNOWN_SOURCES": "1"})
    assert send(strict, None, event("newcomer")).status == 202
    assert send(strict, None, event("stranger")).code == "unknown_source"


def test_a_key_past_its_rate_waits_and_is_told_how_long(keyed: Receiver) -> None:
    _, token = api_keys.create("eager", ["ingest"], rate="10:1,1000:3600")

    first = send(keyed, token, numbered(30))
    second = send(keyed, token)

    assert (first.status, second.status, second.code) == (202, 429, "rate_limited")
    assert first.headers["ratelimit-limit"] == "10"
    assert first.headers["ratelimit-remaining"] == "0"
    assert first.headers["ratelimit-policy"] == "10;w=1, 1000;w=3600"
    assert 1 <= int(second.headers["retry-after"]) <= 3
    time.sleep(int(second.headers["retry-after"]))
    assert send(keyed, token).status == 202


def test_the_command_makes_rotates_and_revokes(site: Deployment) -> None:
    def run(*words: str) -> str:
        out = io.StringIO()
        call_command("create_key", *words, stdout=out, stderr=io.StringIO())
        return out.getvalue().strip()

    token = run("meter", "--scope", "ingest", "--source", "sensor-1", "--rate", "5:1")
    key = Key.objects.get(prefix=token[4:12])
    assert (key.name, key.scopes, key.sources, key.rate) == ("meter", ["ingest"], ["sensor-1"], "5:1")
    assert token not in str(Key.objects.filter(pk=key.pk).values_list()[0])

    second = run("--rotate", key.prefix)
    assert api_keys.find(Key.objects.get(prefix=second[4:12]).digest) is not None
    run("--expire", key.prefix, "--days", "-1")
    assert api_keys.find(key.digest) is None
    run("--expire", key.prefix)
    assert api_keys.find(key.digest) is not None
    run("--revoke", key.prefix)
    assert api_keys.find(key.digest) is None


def test_a_person_is_shown_what_a_key_may_do_and_a_script_the_token_alone(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)

    call_command("create_key", "plant", "--source", "plant-*", "--scope", "read", "--days", "30", stdout=screen)
    shown = screen.getvalue()
    [token] = [line for line in shown.splitlines() if line.startswith("dfe_")]
    screen.truncate(0)
    call_command("create_key", "quiet", "--quiet", stdout=screen)
    quiet = screen.getvalue().strip("\0\n")

    assert "Made the key plant" in shown
    assert "read events (read)" in shown
    assert "Sources  plant-*" in shown
    assert f'curl -i http://localhost:{settings.API_SERVICE_PORT}/data -H "Authorization: Bearer {token}"' in shown
    assert quiet.startswith("dfe_")
    assert "\n" not in quiet


def test_keys_are_listed_in_eighty_columns_and_revoked(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    key, _ = api_keys.create(
        "the plant's gateway of the northern hall", ["ingest", "read"], sources=["plant-1", "plant-2-*"]
    )
    api_keys.create("other", ["ingest"])

    def run(*words: str) -> str:
        out = io.StringIO()
        call_command("keys", *words, stdout=out)
        return out.getvalue()

    listed = run("list")
    with pytest.raises(CommandError, match="none was revoked") as refused:
        run("revoke", key.prefix, "00000000")
    revoked = run("revoke", key.prefix)

    assert max(map(len, listed.splitlines())) <= 80
    assert [line.split()[0] for line in listed.splitlines()] == ["STATE", "valid", "valid"]
    assert refused.value.returncode == 1
    assert f"{key} is revoked" in revoked
    assert [line.split()[0] for line in run("list").splitlines()[1:]] == ["valid", "revoked"]


def test_the_command_tries_without_changing_anything_and_tells_programs(site: Deployment) -> None:
    def run(*words: str) -> dict[str, Any]:
        out = io.StringIO()
        call_command("create_key", *words, "--json", stdout=out)
        found: dict[str, Any] = json.loads(out.getvalue())
        return found

    tried = run("meter", "--source", "sensor-1", "--dry-run")
    assert (tried["dryRun"], tried["token"], tried["key"]["sources"]) == (True, None, ["sensor-1"])
    assert not Key.objects.exists()
    made = run("meter", "--source", "sensor-1")
    prefix = made["key"]["prefix"]
    assert made["token"][tokens.PREFIX] == prefix

    for change in (["--rotate", prefix], ["--expire", prefix, "--days", "-1"], ["--revoke", prefix]):
        assert run(*change, "--dry-run")["key"] == made["key"]
    assert api_keys.find(tokens.digest(made["token"].encode())) is not None
    assert run("--revoke", prefix)["key"]["revokedAt"] is not None


def test_the_command_tells_wrong_usage_from_an_unknown_key_by_its_exit_code(site: Deployment) -> None:
    def code(*words: str) -> int:
        with pytest.raises(CommandError) as refused:
            call_command("create_key", *words)
        assert "\n" not in str(refused.value)
        return refused.value.returncode

    assert code("--revoke", "00000000") == 1
    assert [code("meter", "--rate", "fast"), code("meter", "--source", "no source"), code()] == [2, 2, 2]
    site.servers.postgres.stop()
    try:
        connection.close()
        assert code("meter") == 2
    finally:
        site.servers.postgres.start()
