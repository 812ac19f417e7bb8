"""What `manage.py prepare_stores` says and makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from pytest_django.fixtures import Settings

from deploy.testing.deployment import Deployment
from processing.monitoring import capacity

pytestmark = pytest.mark.services


def prepare(*arguments: str, code: int = 0) -> dict[str, Any]:
    out, found = StringIO(), 0
    try:
        call_command("prepare_stores", "--json", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        found = int(ended.code or 0)
    shape: dict[str, Any] = json.loads(out.getvalue())
    assert found == code, shape
    return shape


def test_a_dry_run_says_what_is_missing_and_makes_nothing(site: Deployment, settings: Settings) -> None:
    settings.KAFKA_TOPIC_PROCESSED_DATA = missing = f"{site.name}-missing"
    settings.MONGO_DATABASE = f"{site.name}-missing"

    first, again = prepare("--dry-run"), prepare("--dry-run")

    assert first == again
    assert {topic["topic"]: topic["created"] for topic in first["topics"]} == {site.raw_topic: False, missing: True}
    assert first["mongodb"] == {"database": f"{site.name}-missing", "created": True}


def test_what_exists_is_found_and_other_partitions_than_set_are_told(site: Deployment, settings: Settings) -> None:
    prepare()
    found = prepare()
    settings.DATAFLOW_KAFKA_PARTITIONS += 1
    wrong = prepare(code=1)

    assert (found["ok"], wrong["ok"]) == (True, False)
    assert [topic["created"] for topic in found["topics"]] == [False, False]
    assert found["mongodb"]["created"] is False


@pytest.fixture(name="other_topics")
def _other_topics(site: Deployment, settings: Settings) -> Iterator[list[str]]:
    settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA = (
        f"{site.name}-new",
        f"{site.name}-new-processed",
    )
    names = [settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA]
    yield names
    client = KafkaAdminClient(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)
    client.delete_topics(names)
    client.close()


def test_a_new_topic_keeps_every_promise_and_weaker_settings_are_told(
    other_topics: list[str], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    prepare()
    fine = prepare()
    capacity.tell_weaknesses()
    assert [topic["weak"] for topic in fine["topics"]] == [[], []]
    assert caplog.messages == []

    client = KafkaAdminClient(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)
    weak = {"unclean.leader.election.enable": "true", "message.timestamp.type": "CreateTime", "retention.ms": "3600000"}
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, other_topics[0], configs=weak)])
    client.close()
    told = prepare()
    capacity.tell_weaknesses()

    assert {one["setting"]: one["wanted"] for one in told["topics"][0]["weak"]} == {
        "retention.ms": str(settings.DATAFLOW_KAFKA_RETENTION_DAYS * 86_400_000),
        "message.timestamp.type": "LogAppendTime",
        "unclean.leader.election.enable": "false",
    }
    assert caplog.messages == ["the topic's settings weaken a promise"] * 3


@pytest.mark.faults
def test_a_store_that_is_away_is_told_by_exit_code_2(site: Deployment, settings: Settings) -> None:
    settings.MONGO_URI = "mongodb://127.0.0.1:1"

    with pytest.raises(CommandError, match=r"^MongoDB[^\n]+$") as away:
        call_command("prepare_stores")

    assert away.value.returncode == 2
