"""Settings as a file: it reads as it was written, and has a secret only where that is wanted."""

from __future__ import annotations

import pytest

from dataflow_site.environment import dotenv
from dataflow_site.environment.as_file import as_file
from dataflow_site.environment.env import env

SECRETS = (
    *("DATAFLOW_SECRET_KEY", "DATAFLOW_SECRET_KEY_FALLBACKS", "DATAFLOW_METRICS_KEY"),
    *("POSTGRES_PASSWORD", "REDIS_PASSWORD", "KAFKA_SASL_PASSWORD"),
)
ADDRESSES = {
    "MONGO_URI": "mongodb://user:c4nary@mongo:27017/?tls=true",
    "REDIS_URL": "rediss://user:c4nary@redis:6379/0",
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(SECRETS) | set(ADDRESSES) <= env.defaults.keys()
    for name in SECRETS:
        monkeypatch.setenv(name, "c4nary")
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value)


def test_a_file_without_secrets_names_them_and_has_none() -> None:
    text = as_file(secrets=False)

    assert "c4nary" not in text
    assert all(f"# {name}= is set and left out" in text for name in (*SECRETS, *ADDRESSES))


def test_no_limit_of_a_key_is_taken_for_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [name for name in env.defaults if "KEY" in name and isinstance(env.defaults[name], int | float)]
    for name in limits:
        monkeypatch.setenv(name, "4711")

    text = as_file(secrets=False)

    assert len(limits) >= 4
    assert all(f"{name}='4711'" in text for name in limits)


def test_a_file_with_secrets_reads_as_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (
        "it's",
        "a\\b",
        "a\\'b",
        "$HOME",
        '"quoted"',
        "# no remark",
        " blanks ",
        "é€",
        "ends\\",
        "\\0",
        "\\\"$x'",
        "two\nlines",
    ):
        monkeypatch.setenv("DATAFLOW_SECRET_KEY", value)

        found = dotenv.parse(as_file(secrets=True).encode(), {})

        assert found["DATAFLOW_SECRET_KEY"].value == value
        assert found["MONGO_URI"].value == ADDRESSES["MONGO_URI"]
