"""A server that is too old is refused in a sentence, by everything that starts on it."""

from __future__ import annotations

import pytest
from django.test import override_settings

from deploy.testing.deployment import Deployment
from processing import supported_versions
from processing.monitoring import server_versions
from processing.supported_versions import KAFKA, MONGODB, POSTGRESQL, REDIS, Supported
from processing.tests.commands import run_command

pytestmark = pytest.mark.services

NEEDS = {
    "consume": (KAFKA, POSTGRESQL, MONGODB),
    "prepare_stores": (KAFKA, MONGODB),
    "migrate": (POSTGRESQL,),
    "run_jobs": (POSTGRESQL, MONGODB),
}


@pytest.mark.parametrize("supported", supported_versions.ALL, ids=lambda one: one.server)
def test_the_servers_of_the_tests_are_of_the_version_that_is_told(site: Deployment, supported: Supported) -> None:
    found = server_versions.READERS[supported]()

    tested = supported_versions.parse(supported.tested)
    assert found[: len(tested)] == tested
    assert supported_versions.too_old(supported, found) is None


@pytest.mark.parametrize(
    ("command", "supported"),
    [(command, supported) for command, needed in NEEDS.items() for supported in needed],
    ids=lambda value: value if isinstance(value, str) else value.server,
)
def test_what_starts_on_a_server_that_is_too_old_ends_with_a_sentence(
    site: Deployment, monkeypatch: pytest.MonkeyPatch, command: str, supported: Supported
) -> None:
    monkeypatch.setitem(server_versions.READERS, supported, lambda: (2, 9))

    said = run_command(command, code=2).stderr

    oldest = ".".join(map(str, supported.least))
    assert said == (
        f"CommandError: {supported.server} is 2.9, and the oldest version that works is {oldest}: upgrade it"
        f" ({supported.recommended} is recommended).\n"
    )


def test_a_server_that_does_not_answer_is_left_to_who_needs_it(site: Deployment) -> None:
    with override_settings(KAFKA_BOOTSTRAP_SERVERS=["127.0.0.1:9"], MONGO_URI="mongodb://127.0.0.1:9"):
        server_versions.refuse_old(*supported_versions.ALL)

    assert REDIS in server_versions.READERS
