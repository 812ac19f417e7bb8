"""Whatever a server or client answers, no secret of the settings is in what the doctor shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from dataflow_site.doctor import examination, report
from dataflow_site.doctor.findings import Group, Said, error

SECRETS = {
    "DATAFLOW_SECRET_KEY": "c4nary-secret-key",
    "DATAFLOW_SECRET_KEY_FALLBACKS": "c4nary-old-one, c4nary-older-one",
    "POSTGRES_PASSWORD": "c4nary-postgres",
    "KAFKA_SASL_PASSWORD": "c4nary-kafka",
    "REDIS_URL": "redis://user:c4nary-redis@redis:6379/0",
    "MONGO_URI": "mongodb://user:c4nary%3Amongo@mongo:27017/",
}
SHOWN = [
    *("c4nary-secret-key", "c4nary-old-one", "c4nary-older-one", "c4nary-postgres", "c4nary-kafka", "c4nary-redis"),
    *("c4nary%3Amongo", "c4nary:mongo", SECRETS["MONGO_URI"]),
]


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def open_nothing() -> AbstractContextManager[None]:
    return nullcontext()


@pytest.mark.parametrize("secret", SHOWN)
def test_a_secret_in_a_text_is_taken_out(secret: str) -> None:
    group: Group[None] = Group("any", open_nothing, f"Set {secret}.")

    @group.check("one", "")
    def one(_opened: None) -> Iterator[Said]:
        yield error(f"The server says {secret}, twice: {secret}", f"run {secret}")

    found = examination.examine([group])

    shown = report.text(found) + str(report.shape(found))
    assert "c4nary" not in shown
    assert "The server says …, twice: …" in shown


def test_the_text_of_an_unknown_error_is_not_shown() -> None:
    group: Group[None] = Group("any", open_nothing, "")

    @group.check("one", "")
    def one(_opened: None) -> Iterator[Said]:
        yield error("The first", "is said.")
        raise ValueError("payload of somebody")

    found = examination.examine([group])

    assert [one.said.text for one in found if one.check == "any.one"] == ["Can't be looked at: ValueError."]
    assert "payload" not in report.text(found)


def test_a_word_that_is_a_usual_value_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "dataflow")
    group: Group[None] = Group("any", open_nothing, "")

    @group.check("one", "")
    def one(_opened: None) -> Iterator[Said]:
        yield error("The database dataflow is away.", "")

    assert "The database dataflow is away." in report.text(examination.examine([group]))
