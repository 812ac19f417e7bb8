"""What a consumer waits for is one of few words."""

from __future__ import annotations

import pytest

from processing import metrics
from processing.consumer.measuring import waiting


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("PostgreSQL: OperationalError", "postgresql"),
        ("MongoDB: ServerSelectionTimeoutError", "mongodb"),
        ("Kafka: KafkaTimeoutError", "kafka"),
        ("bug: KeyError; the log has more", "operator"),
        (None, None),
    ],
)
def test_the_sentence_that_is_logged_names_the_reason(reason: str | None, word: str | None) -> None:
    waiting.show(reason)

    shown = {name for name, gauge in metrics.waiting_for.items() if gauge._value.get()}
    assert shown == ({word} if word else set())
    assert metrics.WAITING._value.get() == (reason is not None)
