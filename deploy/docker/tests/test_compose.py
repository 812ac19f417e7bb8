"""The compose file is valid, and says nothing that the product would not understand."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from redis import Redis as Client
from redis.exceptions import AuthenticationError

from dataflow_site import settings
from dataflow_site.checks.names import OF_DOCKER
from dataflow_site.environment import local_ports
from dataflow_site.environment.env import env
from deploy.check import PRODUCTION
from deploy.docker import pin
from deploy.local import ports
from deploy.local.process import Process
from deploy.local.processes import CONSUMER, GRPC, INGEST, JOBS, ROOT, WEB
from deploy.local.servers import redis

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
SERVERS = {"kafka", "postgres", "mongo", "redis"}
PRODUCT = ["prepare", "ingest", "grpc", "consumer", "jobs", "web"]
PARTS = {"ingest": INGEST, "grpc": GRPC, "consumer": CONSUMER, "jobs": JOBS, "web": WEB}


def test_the_file_follows_the_compose_specification() -> None:
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(COMPOSE)] == []


@pytest.mark.parametrize("service", PRODUCT)
def test_every_variable_of_the_product_is_one_that_its_settings_read(service: str) -> None:
    assert settings.SECRET_KEY
    assert set(COMPOSE["services"][service]["environment"]) <= set(env.defaults)


@pytest.mark.parametrize("service", PRODUCT)
def test_the_settings_file_counts_for_all_but_addresses_and_ports_within_containers(service: str) -> None:
    assert COMPOSE["services"][service]["env_file"] == [{"path": ".env", "required": False}]
    assert {"POSTGRES_HOST", "REDIS_PASSWORD", *local_ports.DEFAULTS} <= set(
        COMPOSE["services"][service]["environment"]
    )


def test_a_setting_that_is_set_to_nothing_is_refused_and_not_replaced() -> None:
    replaced = re.findall(r"\$\{(\w+)(:?)-", (ROOT / "docker-compose.yml").read_text())

    assert {name for name, _ in replaced} >= {"DATAFLOW_DEBUG", "DATAFLOW_SECRET_KEY", "DATAFLOW_ENV_FILE"}
    assert [name for name, colon in replaced if colon] == []


def test_no_log_grows_without_bound() -> None:
    for service in COMPOSE["services"].values():
        assert service["logging"]["driver"] == "json-file"
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def test_every_image_is_pinned() -> None:
    images = {name: service["image"] for name, service in COMPOSE["services"].items() if name not in PRODUCT}

    assert set(images) == SERVERS
    assert all(image.partition(":")[2].count(".") >= 1 for image in images.values())


def test_the_digests_of_images_are_written_behind_their_tags() -> None:
    old, new = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
    text = f"FROM python:3.11-slim\n    image: redis:8.2.10@{old}\n  image: data-flow-engine\n"

    assert pin.pinned(text, lambda tag: new) == (
        f"FROM python:3.11-slim@{new}\n    image: redis:8.2.10@{new}\n  image: data-flow-engine\n"
    )
    pinned = "".join(pin.pinned(file.read_text(), lambda tag: new) for file in pin.FILES)
    assert set(re.findall(rf"([\w/]+):\S+@{new}", pinned)) == {"python", "apache/kafka", "postgres", "mongo", "redis"}


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_a_service_gains_no_rights_and_does_not_fill_the_disk_with_logs(service: str) -> None:
    settings_of = COMPOSE["services"][service]

    assert "no-new-privileges:true" in settings_of["security_opt"]
    assert settings_of["cap_drop"] == ["ALL"]
    assert set(settings_of.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert {"max-size", "max-file"} <= set(settings_of["logging"]["options"])


@pytest.mark.parametrize("service", PRODUCT)
def test_the_product_can_write_to_its_folder_for_temporary_files_alone(service: str) -> None:
    settings_of = COMPOSE["services"][service]

    assert settings_of["read_only"] is True
    assert [mount.partition(":")[0] for mount in settings_of["tmpfs"]] == ["/tmp"]
    assert "volumes" not in settings_of
    assert "cap_add" not in settings_of


def test_only_the_product_reaches_the_servers_and_they_reach_nothing() -> None:
    assert COMPOSE["networks"]["servers"] == {"internal": True}
    assert {name for name, service in COMPOSE["services"].items() if service["networks"] == ["servers"]} == {
        *SERVERS,
        "prepare",
        "jobs",
    }
    assert [name for name in SERVERS if COMPOSE["services"][name].get("ports")] == []


def test_nothing_starts_without_passwords_and_none_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    used = re.findall(r"\$\{(\w+_PASSWORD)(\W+)", text)

    assert {name for name, _ in used} == {"POSTGRES_PASSWORD", "MONGO_PASSWORD", "REDIS_PASSWORD"}
    assert {how for _, how in used} == {":?"}
    # The settings file is the same for `make run`, which must not call them misspelt.
    assert all(name in env.defaults or name.startswith(OF_DOCKER) for name, _ in used)


def test_redis_refuses_who_has_no_password(tmp_path: Path) -> None:
    shell, option, script = COMPOSE["services"]["redis"]["command"]
    port = ports.free_port()
    # As compose undoes it; and with the local server, at a port of its own.
    own = script.replace("$$", "$").replace("redis-server -", f"{redis.binary()} - --bind {ports.HOST} --port {port}")
    server = Process(
        [shell, option, own], log=tmp_path / "log", env={**os.environ, "REDISCLI_AUTH": "s3cret-_x"}, cwd=tmp_path
    )
    try:
        server.await_ready(lambda: ports.answers(ports.HOST, port), seconds=20, name="Redis")
        with pytest.raises(AuthenticationError):
            Client(host=ports.HOST, port=port).ping()
        assert Client(host=ports.HOST, port=port, password="s3cret-_x").ping()
        assert b"s3cret-_x" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
    finally:
        server.stop()


def test_ports_are_open_to_this_machine_alone() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]

    # Jobs stay in the network of the servers: nobody else asks for their health.
    assert len(published) == len([part for part in PARTS.values() if part is not JOBS])
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_service_that_stays_says_whether_it_is_well() -> None:
    without = [name for name, service in COMPOSE["services"].items() if "healthcheck" not in service]

    assert without == ["prepare"]


def test_what_a_service_waits_for_exists() -> None:
    waited_for = {other for service in COMPOSE["services"].values() for other in service.get("depends_on", {})}

    assert waited_for <= set(COMPOSE["services"])


@pytest.mark.parametrize("service", PARTS)
def test_a_service_runs_what_a_laptop_runs(service: str) -> None:
    on_a_laptop = [word for word in PARTS[service].arguments if word.isidentifier() or ":" in word]
    command = COMPOSE["services"][service]["command"]

    assert {
        word for word in on_a_laptop if ":application" in word or word in {"consume", "run_jobs", "serve_grpc"}
    } <= set(command)


def test_the_image_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "deploy/docker/Dockerfile").read_text().splitlines()
    words = [shlex.split(line) for line in lines if line and not line.startswith("#")]

    assert ["USER", "dataflow"] in words
    assert words.index(["USER", "dataflow"]) > max(index for index, line in enumerate(words) if line[0] == "RUN")


def test_the_image_holds_all_that_the_product_needs(tmp_path: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()

    def left_out(folder: str, names: list[str]) -> set[str]:
        # Without a folder a pattern is about the top alone.
        patterns = [one.removeprefix("**/") for one in ignored if Path(folder) == ROOT or one.startswith("**/")]
        return {name for name in names if any(fnmatch(name, pattern) for pattern in patterns)}

    image = tmp_path / "app"
    shutil.copytree(ROOT, image, ignore=left_out)
    steps = re.findall(r"^RUN python (.*)", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)
    imports = "import dataflow_site.asgi, ingestion.server, dataflow_site.urls"
    # The browser tests allow themselves what a deployment must not.
    env = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")} | PRODUCTION

    for arguments in [*map(shlex.split, steps), ["manage.py", "check", "--deploy"], ["-c", imports]]:
        done = subprocess.run([sys.executable, *arguments], cwd=image, env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
