"""The oldest versions of the servers that the product works with, in one place. Pure.

Older ones are refused with a sentence by what starts (processing.monitoring.server_versions), told by `manage.py doctor`, and
listed in docs/operations.md, which a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supported:
    """What is known of one server."""

    server: str
    least: tuple[int, ...]
    tested: str  # by `make test`, from the packages of requirements-local.txt
    recommended: str  # what docker-compose.yml has
    why: str  # not an older one


KAFKA = Supported("Kafka", (3, 3), "4.3", "4.3", "older brokers do not tell how full their volumes are")
POSTGRESQL = Supported(
    "PostgreSQL",
    (15,),
    "18",
    "18",
    "the oldest that was tried: the tests of stores, recovery and backup, and most of reading, ran on 15.18",
)
MONGODB = Supported("MongoDB", (6, 0), "6.0", "8.0", "the oldest that was tried: every run of `make test` is on it")
REDIS = Supported(
    "Redis",
    (6, 2),
    "7.2",
    "8.2",
    "the oldest that was tried: `make test` ran on it before; now it runs on Valkey 9.1, which says of itself that it is Redis 7.2",
)

ALL = (KAFKA, POSTGRESQL, MONGODB, REDIS)


def too_old(supported: Supported, version: tuple[int, ...]) -> str | None:
    """Return what to tell an operator of a server that is too old; None: it is not.

    :param version: of the server, as far as it tells it
    """
    if version[: len(supported.least)] >= supported.least:
        return None
    return (
        f"{supported.server} is {_text(version)}, and the oldest version that works is {_text(supported.least)}:"
        f" upgrade it ({supported.recommended} is recommended)."
    )


def parse(text: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: (8, 0, 32) of 8.0.32-rc1."""
    found: list[int] = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
