"""Wrong settings are found, each with a hint."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.checks import ERROR
from pytest_django.fixtures import Settings

from dataflow_site.checks import findings, limits
from dataflow_site.environment.env import BASE_DIR


@pytest.fixture(autouse=True)
def _on_a_laptop(settings: Settings) -> None:
    # pytest-django sets it to False.
    settings.DEBUG = True


def messages() -> list[str]:
    found = findings.collect()
    assert all(finding.hint for finding in found)
    return [finding.msg for finding in found]


def run(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=BASE_DIR,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_defaults_are_right() -> None:
    assert messages() == []


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_number_that_is_no_port_is_found(settings: Settings, port: int) -> None:
    settings.API_SERVICE_PORT = port

    assert messages() == ["API_SERVICE_PORT is no port."]


def test_two_processes_on_one_port_are_found(settings: Settings) -> None:
    settings.API_SERVICE_PORT = settings.INGESTION_SERVICE_PORT

    assert messages() == ["Two processes have the same port."]


@pytest.mark.parametrize(
    "name", ["DATAFLOW_KAFKA_PARTITIONS", "DATAFLOW_BATCH_EVENTS", "DATAFLOW_MAX_FIELDS_PER_SOURCE"]
)
def test_a_limit_below_one_is_found(settings: Settings, name: str) -> None:
    setattr(settings, name, -5)

    assert messages() == [f"{name} is -5."]


@pytest.mark.parametrize("name", limits.SECONDS)
def test_a_deadline_that_leaves_no_time_is_found(settings: Settings, name: str) -> None:
    setattr(settings, name, 0.0)

    assert messages() == [f"{name} is not above 0."]


@pytest.mark.parametrize("name", limits.GUARDS)
def test_a_guard_below_0_is_found(settings: Settings, name: str) -> None:
    setattr(settings, name, -1.0)

    assert messages() == [f"{name} is below 0."]


def test_a_request_that_could_never_be_taken_is_found(settings: Settings) -> None:
    settings.DATAFLOW_IN_FLIGHT_EVENTS = settings.DATAFLOW_MAX_BATCH_EVENTS - 1

    assert messages() == ["DATAFLOW_MAX_BATCH_EVENTS is larger than DATAFLOW_IN_FLIGHT_EVENTS."]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", ["kafka"], "KAFKA_BOOTSTRAP_SERVERS is no address."),
        ("KAFKA_BOOTSTRAP_SERVERS", [], "KAFKA_BOOTSTRAP_SERVERS is no address."),
        ("REDIS_ADDR", "redis://here:6379", "REDIS_ADDR is no address."),
        ("MONGO_URI", "mongo:27017", "MONGO_URI is no MongoDB URI."),
        ("KAFKA_TOPIC_RAW_DATA", "processed-data", "The topics' names are not two valid names."),
        ("KAFKA_TOPIC_RAW_DATA", "raw data", "The topics' names are not two valid names."),
        ("DATAFLOW_LOG_LEVEL", "LOUD", "DATAFLOW_LOG_LEVEL is no level."),
        ("DATAFLOW_LOG_FORMAT", "xml", "DATAFLOW_LOG_FORMAT is no format."),
    ],
)
def test_an_address_or_name_of_the_wrong_form_is_found(
    settings: Settings, name: str, value: str | list[str], message: str
) -> None:
    setattr(settings, name, value)

    assert messages() == [message]


def test_a_misspelt_variable_is_found_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLOW_KAFKA_PARTITION", "12")

    (finding,) = findings.collect()

    assert finding.msg == "DATAFLOW_KAFKA_PARTITION is no setting."
    assert finding.hint == "Did you mean DATAFLOW_KAFKA_PARTITIONS?"


def test_production_refuses_what_a_laptop_may_have(settings: Settings) -> None:
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["*"]

    refused = [finding.msg for finding in findings.collect() if finding.level >= ERROR]

    assert refused == [
        "The development secret is in use with DATAFLOW_DEBUG=0.",
        "DATAFLOW_ALLOWED_HOSTS takes every name with DATAFLOW_DEBUG=0.",
        "Events are taken without a key with DATAFLOW_DEBUG=0.",
    ]


def test_production_with_keys_has_nothing_to_say(settings: Settings) -> None:
    settings.DEBUG = settings.DATAFLOW_OPEN_INGEST = False
    settings.SECRET_KEY = "a secret of this test that is long enough"

    assert findings.collect() == []


@pytest.mark.parametrize("secret", ["a", "x7" * 15 + "y", "a" * 50])
def test_a_secret_that_can_be_guessed_is_refused_in_production(settings: Settings, secret: str) -> None:
    settings.DEBUG = settings.DATAFLOW_OPEN_INGEST = False
    settings.SECRET_KEY = secret

    (finding,) = findings.collect()

    assert finding.level >= ERROR
    assert finding.msg.startswith("DATAFLOW_SECRET_KEY has fewer than 32 characters")
    assert "secrets.token_urlsafe" in (finding.hint or "")


@pytest.mark.parametrize(
    "arguments",
    [
        *(["-c", f"import {module}"] for module in ("ingestion.asgi", "dataflow_site.asgi")),
        *(["manage.py", command] for command in ("serve_grpc", "consume", "run_jobs", "prepare_stores", "migrate")),
    ],
    ids=" ".join,
)
def test_no_process_starts_with_a_secret_that_can_be_guessed(arguments: list[str]) -> None:
    result = run(arguments, DATAFLOW_DEBUG="0", DATAFLOW_SECRET_KEY="a")

    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "DATAFLOW_SECRET_KEY has fewer than 32 characters" in result.stderr


def test_a_secret_that_is_its_own_fallback_is_found(settings: Settings) -> None:
    settings.DEBUG = settings.DATAFLOW_OPEN_INGEST = False
    settings.SECRET_KEY = "a secret of this test that is long enough"
    settings.DATAFLOW_SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]

    assert [finding.msg for finding in findings.collect()] == ["DATAFLOW_SECRET_KEY_FALLBACKS has the secret itself."]


def test_an_old_secret_that_can_be_guessed_finds_keys_but_signs_nothing() -> None:
    long = "an old secret of this test that is long enough"
    script = "from dataflow_site import settings as s; print(s.DATAFLOW_SECRET_KEY_FALLBACKS, s.SECRET_KEY_FALLBACKS)"

    result = run(["-c", script], DATAFLOW_SECRET_KEY_FALLBACKS=f"a, {long}")

    assert result.stdout.strip() == f"{['a', long]} {[long]}"


@pytest.mark.parametrize("module", ["ingestion.asgi", "dataflow_site.asgi"])
def test_a_server_with_the_development_secret_does_not_start_in_production(module: str) -> None:
    result = run(["-c", f"import {module}"], DATAFLOW_DEBUG="0")

    assert result.returncode == 2
    [sentence] = result.stderr.splitlines()
    assert "Set DATAFLOW_SECRET_KEY" in sentence


@pytest.mark.parametrize("application", ["ingestion.asgi:application", "dataflow_site.asgi:application"])
def test_a_server_with_a_wrong_setting_ends_with_a_sentence(application: str) -> None:
    result = run(["-m", "uvicorn", application, "--port", "0"], DATAFLOW_READS="many")

    assert result.returncode == 2
    assert result.stderr == "A setting is wrong: DATAFLOW_READS: expected a whole number, got 'many'\n"


def test_a_number_that_is_none_is_named_before_anything_starts() -> None:
    result = run(["manage.py", "check"], POSTGRES_PORT="many")

    assert result.stderr.splitlines()[-1].endswith("POSTGRES_PORT: expected a whole number, got 'many'")
