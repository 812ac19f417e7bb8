"""What a consumer waits for, by the sentence that it logs."""

from __future__ import annotations

from processing import errors, metrics

_REASONS = {errors.POSTGRESQL: "postgresql", errors.MONGODB: "mongodb", errors.KAFKA: "kafka"}


def show(reason: str | None) -> None:
    """Show what the batch waits for; None: it goes on. Sentences about a server begin with its name."""
    metrics.WAITING.set(reason is not None)
    found = None if reason is None else _REASONS.get(reason.partition(":")[0], "operator")
    for name, gauge in metrics.waiting_for.items():
        gauge.set(name == found)


def show_kafka(*, is_away: bool) -> None:
    """Show whether Kafka is waited for before there is any batch."""
    metrics.waiting_for["kafka"].set(is_away)
