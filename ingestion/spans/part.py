"""Describes what was done, for a span; imports nothing of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int | tuple[int, ...]]


class Part(NamedTuple):
    """Something that was done; times in nanoseconds since the epoch."""

    name: str
    kind: Kind
    began: int
    ended: int
    attributes: Attributes


def kafka(operation: str, topic: str) -> dict[str, str]:
    """Return what a span says of an operation on a topic.

    https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
    """
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }
