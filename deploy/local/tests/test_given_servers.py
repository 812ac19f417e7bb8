"""`make run` beside servers that run already, as docker compose starts them: a `.env` with their addresses is all it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

from deploy.local import ports
from deploy.local.process import Process
from deploy.local.processes import ROOT
from deploy.testing.deployment import Deployment
from deploy.testing.topics import Topics
from ingestion.tests.client import event, post

pytestmark = pytest.mark.services

# Which lines of `.env.example` are about the servers.
OF_SERVERS = re.compile(
    r"^#((?:KAFKA_BOOTSTRAP_SERVERS|POSTGRES_(?:HOST|PORT|USER|PASSWORD|DB)|MONGO_URI|REDIS_ADDR)=.*)$"
)
OURS = ("DATAFLOW_", "KAFKA_", "POSTGRES_", "MONGO_", "REDIS_")
NOBODY = f"{ports.HOST}:9"  # the port of the discard service, which nobody runs


def shown_in_the_example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(found[1].split("=", 1) for line in lines if (found := OF_SERVERS.match(line)))


def addresses(site: Deployment) -> dict[str, str]:
    servers = site.servers
    return {
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka.address,
        "POSTGRES_PORT": str(servers.postgres.port),
        "POSTGRES_DB": site.name,
        "MONGO_URI": f"mongodb://{servers.mongo.address}",
        "REDIS_ADDR": servers.redis.address,
    }


def environment(folder: Path, lines: Mapping[str, str]) -> dict[str, str]:
    """Write the lines into a settings file, and return an environment that has nothing beside it."""
    file = folder / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    bare = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**bare, "DATAFLOW_ENV_FILE": str(file), "PYTHONUNBUFFERED": "1"}


@contextmanager
def make_run(folder: Path, env: Mapping[str, str]) -> Iterator[Process]:
    command = [sys.executable, "-m", "deploy.local.run", str(folder / "var")]
    launcher = Process(command, log=folder / "run.log", env=env, cwd=ROOT)
    try:
        yield launcher
    finally:
        launcher.stop(40)


@pytest.fixture
def usual_names(site: Deployment, topics: Topics) -> Iterator[None]:
    """Remove what a product makes under its usual names: the file says nothing of topics and databases."""
    yield
    topics.delete(["raw-data", "processed-data"])
    with MongoClient[dict[str, object]](site.servers.mongo.uri) as client:
        client.drop_database("dataflow")


@pytest.mark.usefixtures("usual_names")
def test_make_run_uses_the_servers_that_the_lines_of_the_example_name_and_starts_none(
    site: Deployment, tmp_path: Path
) -> None:
    lines = shown_in_the_example()
    assert set(addresses(site)) < set(lines)

    with make_run(tmp_path, environment(tmp_path, lines | addresses(site))) as launcher:
        site.wait_for(lambda: "Ctrl-C stops everything" in launcher.log or not launcher.running, seconds=120)
        shown = dict(re.findall(r"^(\w+) +(?:given|ready) +(\S+)", launcher.log, re.MULTILINE))
        assert post(shown["ingest"], event(source="sensor-1")).status == 202
        stored = site.wait_for(lambda: results(f"{shown['web']}/data?source_id=sensor-1"))

    assert [each["sourceId"] for each in stored] == ["sensor-1"]
    assert {shown[name] for name in ("Kafka", "Redis")} == {site.servers.kafka.address, site.servers.redis.address}
    # No folder of a server.
    assert {path.name for path in (tmp_path / "var").iterdir() if path.is_dir()} == {"log"}


def results(url: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(url) as answer:
        found: list[dict[str, str]] = json.load(answer)["results"]
    return found


def test_servers_that_do_not_answer_are_a_sentence_each_that_names_the_setting(tmp_path: Path) -> None:
    away = {"POSTGRES_PORT": "9", "KAFKA_BOOTSTRAP_SERVERS": NOBODY, "MONGO_URI": f"mongodb://u:secret@{NOBODY}"}
    env = environment(tmp_path, shown_in_the_example() | away | {"REDIS_ADDR": NOBODY})

    code, said = outcome(tmp_path, env)

    assert code == 2
    assert said == [
        f"Kafka does not answer at {NOBODY}: start it, or correct KAFKA_BOOTSTRAP_SERVERS.",
        f"PostgreSQL does not answer at {NOBODY}: start it, or correct POSTGRES_HOST and POSTGRES_PORT.",
        f"MongoDB does not answer at {NOBODY}: start it, or correct MONGO_URI.",
        f"Redis does not answer at {NOBODY}: start it, or correct REDIS_ADDR or REDIS_URL.",
    ]


def test_servers_that_refuse_are_a_sentence_each_that_names_the_setting(site: Deployment, tmp_path: Path) -> None:
    wrong = {
        "POSTGRES_PASSWORD": "wrong-one",
        "MONGO_URI": f"mongodb://u:wrong-one@{site.servers.mongo.address}",
        "REDIS_USERNAME": "nobody",
        "REDIS_PASSWORD": "wrong-one",
    }

    code, said = outcome(tmp_path, environment(tmp_path, shown_in_the_example() | addresses(site) | wrong))

    assert code == 2
    [of_postgresql, of_mongodb, of_redis] = said
    assert re.search("PostgreSQL.* check POSTGRES_USER and POSTGRES_PASSWORD", of_postgresql)
    assert re.search("MongoDB.* check user, password and authSource in MONGO_URI", of_mongodb)
    assert re.search("Redis.* check REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB, or REDIS_URL", of_redis)
    assert "wrong-one" not in "".join(said)


def test_a_database_that_is_not_there_is_a_sentence_that_names_the_setting(site: Deployment, tmp_path: Path) -> None:
    env = environment(tmp_path, shown_in_the_example() | addresses(site) | {"POSTGRES_DB": "not-there"})

    code, [sentence] = outcome(tmp_path, env)

    assert code == 2
    assert re.search("PostgreSQL.* check POSTGRES_DB and POSTGRES_USER", sentence)


def test_migrate_says_in_a_sentence_that_postgresql_refuses(site: Deployment, tmp_path: Path) -> None:
    env = environment(tmp_path, shown_in_the_example() | addresses(site) | {"POSTGRES_PASSWORD": "wrong"})

    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert re.fullmatch(r"CommandError: PostgreSQL.*: check POSTGRES_USER and POSTGRES_PASSWORD\n", done.stderr)


def outcome(folder: Path, env: Mapping[str, str]) -> tuple[int, list[str]]:
    """Return the exit code of `make run` and what it said at its end."""
    command = [sys.executable, "-m", "deploy.local.run", str(folder / "var")]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    # Before, it may tell that the usual ports are taken, as by another test.
    return done.returncode, [line for line in done.stdout.splitlines() if not line.startswith("launcher ")]
