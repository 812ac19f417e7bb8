"""The clean deployment that tests work on."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection
from kafka import KafkaConsumer
from psycopg import sql

from deploy.testing.deployment import Deployment, DidNotHappen, close_pool
from processing.models import Topic

pytestmark = pytest.mark.services


def database_in_use() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        return str(cursor.fetchone()[0])


def test_djangos_connection_leads_to_the_sites_own_database(site: Deployment) -> None:
    assert database_in_use() == site.name
    assert site.name == settings.POSTGRES_DB


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_site_knows_nothing_of_the_one_before_it(site: Deployment, turn: str) -> None:
    assert not Topic.objects.exists()

    Topic.objects.create(kafka_id="0b8cc0d9-4a4c-4a3a-9e0b-0d6f3f6f2c11", name=turn)


async def test_async_code_reaches_the_sites_database_too(site: Deployment) -> None:
    assert not await Topic.objects.aexists()


def test_the_sites_topics_have_six_partitions(site: Deployment) -> None:
    consumer = KafkaConsumer(bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS)

    partitions = consumer.partitions_for_topic(settings.KAFKA_TOPIC_RAW_DATA)
    consumer.close()

    assert partitions == set(range(6))


def test_rows_survive_a_stop_of_postgresql(site: Deployment) -> None:
    Topic.objects.create(kafka_id="0b8cc0d9-4a4c-4a3a-9e0b-0d6f3f6f2c11", name="kept")
    connection.close()

    site.servers.postgres.stop()
    site.servers.postgres.start()

    close_pool()
    assert [topic.name for topic in Topic.objects.all()] == ["kept"]


def test_a_site_finds_all_servers_running_although_a_test_left_one_frozen(site: Deployment) -> None:
    site.servers.redis.freeze()
    site.servers.mongo.kill()

    site.servers.ensure_running()

    assert all(server.answers() for server in site.servers)


def test_waiting_in_vain_says_so(site: Deployment) -> None:
    with pytest.raises(DidNotHappen, match=r"not within 0\.1 s; last answer \[\]"):
        site.wait_for(list, seconds=0.1)


def test_an_owner_can_make_databases(site: Deployment) -> None:
    name = sql.Identifier(f"{site.name}_more")

    with site.servers.postgres.connect(site.name) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(name))
        owner.execute(sql.SQL("DROP DATABASE {}").format(name))
