"""The compose file is valid, and says nothing that the product would not understand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis as Client
from redis.exceptions import AuthenticationError

from dataflow_site import settings
from dataflow_site.checks.names import OF_OTHERS
from dataflow_site.environment import local_ports
from dataflow_site.environment.env import env
from deploy.docker import pin, validate
from deploy.local import ports
from deploy.local.process import Process
from deploy.local.processes import CONSUMER, GRPC, INGEST, JOBS, ROOT, WEB
from deploy.local.servers import redis

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVERS = {"kafka", "postgres", "mongodb", "redis"}
# Of the profile `monitoring`, with the port that Prometheus asks.
EXPORTERS = {"kafka-exporter": 9308, "postgresql-exporter": 9187, "mongodb-exporter": 9216, "redis-exporter": 9121}
MONITORING = {"prometheus", "grafana", *EXPORTERS}
PRODUCT = ["prepare", "ingest", "grpc", "consumer", "jobs", "web"]
PARTS = {"ingest": INGEST, "grpc": GRPC, "consumer": CONSUMER, "jobs": JOBS, "web": WEB}


def test_the_file_follows_the_compose_specification() -> None:
    assert validate.problems(COMPOSE) == []


def test_what_is_not_in_the_specification_is_found() -> None:
    wrong = {**COMPOSE, "services": {"web": {"image": "data-flow-engine", "port": ["8080:8080"]}}}

    [problem] = validate.problems(wrong)
    assert problem.startswith("services/web: ")
    assert "'port'" in problem


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

    assert set(images) == SERVERS | MONITORING
    assert all(image.partition(":")[2].count(".") >= 1 for image in images.values())


def test_the_digests_of_images_are_written_behind_their_tags() -> None:
    old, new = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
    text = f"FROM python:3.11-slim\n    image: redis:8.2.10@{old}\n  image: data-flow-engine\n"

    assert pin.pinned(text, lambda tag: new) == (
        f"FROM python:3.11-slim@{new}\n    image: redis:8.2.10@{new}\n  image: data-flow-engine\n"
    )
    pinned = "".join(pin.pinned(file.read_text(), lambda tag: new) for file in pin.FILES)
    assert set(re.findall(rf"([\w/-]+):\S+@{new}", pinned)) == {
        *("python", "apache/kafka", "postgres", "mongo", "redis", "prom/prometheus", "grafana/grafana"),
        *("danielqsj/kafka-exporter", "prometheuscommunity/postgres-exporter"),
        *("percona/mongodb_exporter", "oliver006/redis_exporter"),
    }


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


def test_the_servers_can_be_called_from_this_machine_and_call_nobody() -> None:
    assert COMPOSE["networks"]["servers"] == {"internal": True}
    assert COMPOSE["networks"]["published"]["driver_opts"] == {
        "com.docker.network.bridge.enable_ip_masquerade": "false"
    }
    for name in SERVERS:
        assert COMPOSE["services"][name]["networks"] == ["servers", "published"]


@pytest.mark.parametrize(
    ("server", "setting"),
    [
        ("kafka", "KAFKA_BOOTSTRAP_SERVERS"),
        ("postgres", "POSTGRES_PORT"),
        ("mongodb", "MONGO_URI"),
        ("redis", "REDIS_ADDR"),
    ],
)
def test_a_server_has_the_usual_port_which_the_example_of_settings_names(server: str, setting: str) -> None:
    [published] = COMPOSE["services"][server]["ports"]

    found = re.fullmatch(r"127\.0\.0\.1:\$\{(COMPOSE_\w+)-(\d+)\}:\d+", published)

    assert found
    [shown] = re.findall(rf"^#{setting}=.*?(\d+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert found[2] == shown


def test_kafka_tells_each_client_an_address_that_it_reaches() -> None:
    kafka = COMPOSE["services"]["kafka"]
    [published] = kafka["ports"]
    outside, _, inside = published.rpartition(":")
    listeners = listed(kafka["environment"]["KAFKA_LISTENERS"])
    advertised = listed(kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"])

    assert advertised == {"PLAINTEXT": "kafka:9092", "LOCAL": outside}
    assert listeners["LOCAL"] == f":{inside}"
    assert listeners["PLAINTEXT"] == ":9092"
    assert kafka["environment"]["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",") == [
        f"{name}:PLAINTEXT" for name in listeners
    ]
    assert COMPOSE["services"]["web"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == advertised["PLAINTEXT"]


def listed(listeners: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)://([^,]*)", listeners))


def test_every_setting_of_the_file_reaches_the_product_but_where_its_servers_and_ports_are() -> None:
    fixed = {name for name, value in COMPOSE["x-product"]["environment"].items() if f"${{{name}" not in str(value)}

    assert {*fixed} == {
        *("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SECURITY_PROTOCOL", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_SSLMODE"),
        *("MONGO_URI", "REDIS_URL", "REDIS_ADDR", "REDIS_USERNAME"),
        *(name for part in PARTS.values() for name in part.port_settings),
        *("DATAFLOW_CONSUMER_HOST", "DATAFLOW_GRPC_HOST", "DATAFLOW_JOBS_HOST"),
    }
    # `env_file` hands on the rest, and what compose replaces itself is the same variable.
    assert settings.SECRET_KEY
    replaced = COMPOSE["x-product"]["environment"].keys() - fixed
    assert replaced | fixed <= set(env.defaults)


def test_the_passwords_of_the_servers_are_those_of_the_settings_file() -> None:
    services, product = COMPOSE["services"], COMPOSE["x-product"]["environment"]

    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == product["POSTGRES_PASSWORD"]
    assert services["redis"]["environment"]["REDISCLI_AUTH"] == product["REDIS_PASSWORD"]
    assert services["mongodb"]["environment"]["MONGO_INITDB_ROOT_PASSWORD"] == "${MONGO_PASSWORD-}"
    assert "${MONGO_PASSWORD:+dataflow:${MONGO_PASSWORD}@}" in product["MONGO_URI"]
    # The settings file is the same for `make run`, which must not call them misspelt.
    used = re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text())
    assert [name for name in used if name not in env.defaults and not name.startswith(OF_OTHERS)] == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 0),
        ({"DATAFLOW_DEBUG": "1", "POSTGRES_PASSWORD": "dataflow", "REDIS_PASSWORD": ""}, 0),
        ({"POSTGRES_PASSWORD": "dataflow"}, 2),
        ({"REDIS_PASSWORD": ""}, 2),
        ({"MONGO_URI": "mongodb://mongodb:27017/?authSource=admin"}, 2),
        ({"DATAFLOW_DEBUG": "No", "REDIS_PASSWORD": ""}, 2),
    ],
    ids=["all set", "laptop", "postgresql", "redis", "mongodb", "another no"],
)
def test_a_server_of_a_site_does_not_start_without_passwords(
    changed: dict[str, str], code: int, tmp_path: Path
) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho $*\n")
    (tmp_path / "python").chmod(0o700)
    site = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "DATAFLOW_DEBUG": "0",
        "POSTGRES_PASSWORD": "p",
        "REDIS_PASSWORD": "r",
        "MONGO_URI": "mongodb://dataflow:m@mongodb:27017/?authSource=admin",
    }
    shell, option, script = COMPOSE["services"]["prepare"]["command"]

    done = subprocess.run(
        [shell, option, script.replace("$$", "$")], env=site | changed, capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert done.stdout.splitlines() == ([] if code else ["manage.py migrate", "manage.py prepare_stores"])
    assert ("set POSTGRES_PASSWORD, MONGO_PASSWORD and REDIS_PASSWORD in .env" in done.stderr) is bool(code)


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

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_monitoring_starts_when_asked_for_and_scrapes_what_there_is() -> None:
    asked_for = {name for name, service in COMPOSE["services"].items() if service.get("profiles") == ["monitoring"]}
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/compose.yml").read_text())["scrape_configs"]
    targets = {target for job in scraped for config in job["static_configs"] for target in config["targets"]}

    assert asked_for == MONITORING
    # Compose's own names of the containers, which the receivers' check of hosts takes.
    assert targets == {
        *(f"{name}:{port}" for name, port in EXPORTERS.items()),
        *(f"{name}:{local_ports.DEFAULTS[part.metrics_setting]}" for name, part in PARTS.items()),
    }
    assert COMPOSE["x-product"]["environment"]["DATAFLOW_ALLOWED_HOSTS"].endswith(",web,ingest")
    for service in ("prometheus", "grafana"):
        assert "published" in COMPOSE["services"][service]["networks"]


def test_what_monitoring_mounts_is_there_and_read_only() -> None:
    mounts = [mount.split(":") for name in MONITORING for mount in COMPOSE["services"][name].get("volumes", [])]

    folders = [(source, rest) for source, *rest in mounts if source.startswith("./")]
    assert len(folders) == 3
    assert [source for source, rest in folders if not (ROOT / source).is_dir() or rest[-1] != "ro"] == []
    used = set(re.findall(r"\$(\w+)", (ROOT / "deploy/grafana/provisioning/datasources/dataflow.yml").read_text()))
    assert used <= set(COMPOSE["services"]["grafana"]["environment"])


def test_every_service_that_stays_says_whether_it_is_well() -> None:
    without = [name for name, service in COMPOSE["services"].items() if "healthcheck" not in service]

    assert without == ["prepare"]


def test_what_a_service_waits_for_exists() -> None:
    waited_for = {other for service in COMPOSE["services"].values() for other in service.get("depends_on", {})}

    assert waited_for <= set(COMPOSE["services"])


@pytest.mark.parametrize("service", PARTS)
def test_a_service_runs_what_a_laptop_runs_at_the_same_ports_and_asks_it_the_same(service: str) -> None:
    part, described = PARTS[service], COMPOSE["services"][service]
    ports_of = {name: local_ports.DEFAULTS[name] for name in part.port_settings}

    assert described["command"] == part.server_command(ports_of[part.port_setting])
    assert sorted(described["ports"]) == sorted(f"127.0.0.1:{port}:{port}" for port in ports_of.values())
    assert ports_of.items() <= described["environment"].items()
    port = ports_of[part.port_setting]
    asked = f"127.0.0.1:{port}" if part.scheme == "grpc" else f"http://127.0.0.1:{port}/healthz"
    assert described["healthcheck"]["test"][-1] == asked


def test_the_image_runs_web_unless_told_otherwise() -> None:
    [command] = re.findall(r"^CMD (.*)$", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)
    [exposed] = re.findall(r"^EXPOSE (.*)$", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)

    assert json.loads(command) == WEB.server_command(local_ports.DEFAULTS[WEB.port_setting])
    assert set(map(int, exposed.split())) == {
        local_ports.DEFAULTS[name] for part in PARTS.values() for name in part.port_settings
    }


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_a_service_has_limits_and_a_first_process_that_hands_signals_on(service: str) -> None:
    described = COMPOSE["services"][service]

    assert described["init"] is True
    assert described["read_only"] is True
    assert {"cpus", "mem_limit", "pids_limit"} <= set(described)


def test_the_image_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "deploy/docker/Dockerfile").read_text().splitlines()
    words = [shlex.split(line) for line in lines if line and not line.startswith("#")]

    assert ["USER", "dataflow"] in words
    assert words.index(["USER", "dataflow"]) > max(index for index, line in enumerate(words) if line[0] == "RUN")
