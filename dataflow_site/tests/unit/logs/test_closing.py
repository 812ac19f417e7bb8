"""What kafka-python logs when a client is closed is no error; what it logs otherwise is."""

from __future__ import annotations

import asyncio

import pytest
from kafka.cluster import ClusterMetadata
from kafka.errors import Cancelled, KafkaConnectionError, KafkaError


class Manager:
    """A connection manager of kafka-python whose connection ends while an answer is awaited."""

    def __init__(self, error: KafkaError) -> None:
        self._error = error

    def reset_backoff(self, _name: str) -> None:
        """Do nothing."""

    async def send(self, *_request: object) -> None:
        raise self._error


@pytest.mark.parametrize(("error", "logged"), [(Cancelled(), False), (KafkaConnectionError("reset"), True)])
def test_a_refresh_that_our_own_closing_ends_is_not_logged_and_any_other_is(
    caplog: pytest.LogCaptureFixture, error: KafkaError, logged: bool
) -> None:
    # The setting LOGGING has the filter on this logger.
    cluster = ClusterMetadata(bootstrap_servers="localhost:1")
    cluster._manager = Manager(error)

    with caplog.at_level("ERROR", "kafka.cluster"), pytest.raises(type(error)):
        asyncio.run(cluster.refresh_metadata("0"))

    assert [each.name for each in caplog.records] == (["kafka.cluster"] if logged else [])
