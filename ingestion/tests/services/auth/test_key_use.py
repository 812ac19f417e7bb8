"""Who made a key, when it was last used, and how keys live through another secret of the site."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from deploy.testing.deployment import Deployment
from ingestion.auth import api_keys, key_use, tokens
from ingestion.models import Key
from ingestion.tests.client import JSON, call, event
from ingestion.tests.conftest import open_receiver

pytestmark = pytest.mark.services

OLD = "the secret of this site before it was changed"
NEW = "the secret of this site after it was changed"
KEYED = {"DATAFLOW_OPEN_INGEST": "0"}


def status(url: str, token: str) -> int:
    headers = {**JSON, "Authorization": f"Bearer {token}"}
    return call(url, "POST", "/ingest", json.dumps(event()).encode(), headers).status


def listed(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code of `keys` and those that it shows."""
    out = io.StringIO()
    code = 0
    try:
        call_command("keys", "list", *words, "--json", stdout=out)
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, json.loads(out.getvalue())["keys"]


def test_a_key_outlives_the_secret_it_was_made_under_and_moves_to_the_new_one_by_use(site: Deployment) -> None:
    with override_settings(SECRET_KEY=OLD):
        key, token = api_keys.create("meter", ["ingest"])
        _, idle = api_keys.create("idle", ["ingest"])
    env = {**KEYED, "DATAFLOW_SECRET_KEY": NEW, "DATAFLOW_SECRET_KEY_FALLBACKS": f"some other, {OLD}"}
    receiver = open_receiver(site, env)

    assert status(receiver.url, token) == 202

    with override_settings(SECRET_KEY=NEW):
        site.wait_for(lambda: Key.objects.get(pk=key.pk).secret_id == tokens.secret_id(), 10)
        # Without the old secret only the key that was used is valid.
        assert api_keys.find(tokens.digest(token.encode())) is not None
        assert api_keys.find(tokens.digest(idle.encode())) is None
        code, left = listed("--old-secret")
        assert (code, [one["name"] for one in left]) == (1, ["idle"])
        assert status(receiver.url, idle) == 202
        site.wait_for(lambda: listed("--old-secret") == (0, []), 10)


def test_a_process_with_another_secret_revokes_a_key_at_once(site: Deployment) -> None:
    with override_settings(SECRET_KEY=OLD):
        key, token = api_keys.create("meter", ["ingest"])
    receiver = open_receiver(site, {**KEYED, "DATAFLOW_SECRET_KEY": NEW, "DATAFLOW_SECRET_KEY_FALLBACKS": OLD})
    assert status(receiver.url, token) == 202

    with override_settings(SECRET_KEY=OLD):
        api_keys.revoke(key)

    site.wait_for(lambda: status(receiver.url, token) == 401, 2)


def test_the_last_use_of_a_key_is_written_in_the_background_and_seldom(site: Deployment) -> None:
    key, token = api_keys.create("meter", ["ingest"], by="somebody")
    receiver = open_receiver(site, KEYED)
    before = timezone.now()

    assert {status(receiver.url, token) for _ in range(20)} == {202}
    first = site.wait_for(lambda: Key.objects.get(pk=key.pk).last_used_at, 10)
    # As a second receiver would.
    key_use.record({key.prefix: key.digest})

    assert first is not None
    assert timedelta(0) <= first - before < timedelta(seconds=15)
    assert Key.objects.get(pk=key.pk).last_used_at == first
    ((code, (shown,)), (unused_code, unused)) = listed(), listed("--unused", "0")
    assert (code, shown["createdBy"], shown["secretIsCurrent"]) == (0, "somebody", True)
    assert shown["lastUsedAt"] is not None
    assert (unused_code, [one["name"] for one in unused]) == (1, ["meter"])
    assert listed("--unused", "1") == (0, [])


def test_nobody_waits_for_the_time_of_a_use(site: Deployment) -> None:
    key, token = api_keys.create("meter", ["ingest"])
    receiver = open_receiver(site, KEYED)

    with site.servers.postgres.connect(site.name) as other, other.transaction():
        other.execute("SELECT 1 FROM key FOR UPDATE")
        assert status(receiver.url, token) == 202
        key_use.record({key.prefix: key.digest})

    assert Key.objects.get(pk=key.pk).last_used_at is None


def test_the_command_shows_who_made_a_key_and_its_state(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    # Narrower ones leave out columns.
    monkeypatch.setenv("COLUMNS", "200")
    call_command("create_key", "meter", stdout=io.StringIO())
    key, _ = api_keys.create("lost", ["ingest", "read"], sources=["sensor-1"])
    api_keys.revoke(key)
    out = io.StringIO()

    call_command("keys", "list", stdout=out)

    head, *rows = (line.split() for line in out.getvalue().splitlines())
    assert head[:3] == ["STATE", "NAME", "PREFIX"]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("revoked", "lost", "current"),
        ("valid", "meter", "current"),
    ]
    assert "command line" in out.getvalue()
