"""Which settings of a topic weaken what the product promises, and what to set instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

RETENTION = "retention.ms"
RETENTION_BYTES = "retention.bytes"
MIN_COPIES = "min.insync.replicas"
UNCLEAN = "unclean.leader.election.enable"
CLEANUP = "cleanup.policy"
TIME_TYPE = "message.timestamp.type"
MAX_AHEAD = "message.timestamp.after.max.ms"
BROKERS_TIME = "LogAppendTime"

# Of these many copies, one may be away while two confirm.
ENOUGH_COPIES = 3
_UNLIMITED = str(2**63 - 1)  # of MAX_AHEAD; the default of Kafka 3
_HOUR = 3_600_000  # milliseconds


class Weakness(NamedTuple):
    """A setting of a topic that weakens a promise."""

    setting: str
    value: str
    wanted: str
    meaning: str

    @property
    def sentence(self) -> str:
        """What to tell an operator."""
        return f"{self.setting} is {self.value}, so {self.meaning}; set it to {self.wanted}"


def wanted_settings(*, replication: int, retention: int) -> dict[str, str]:
    """Return the settings of a new topic.

    :param retention: milliseconds
    """
    settings = {RETENTION: str(retention), UNCLEAN: "false", TIME_TYPE: BROKERS_TIME}
    return settings | ({MIN_COPIES: "2"} if replication >= ENOUGH_COPIES else {})


def weaknesses(found: Mapping[str, str], *, replication: int, retention: int) -> list[Weakness]:
    """Compare the settings of a topic with what the promises need.

    :param found: the topic's settings by name; one that is missing, as of an older broker, is not checked
    :param replication: how many copies its partitions have
    :param retention: for how long records should be kept; milliseconds
    """
    return [
        *_copies(found, replication),
        *_retention(found, retention),
        *_time(found),
        *_flag(
            found, UNCLEAN, "true", "false", "a copy that was behind may take over, and acknowledged events are lost"
        ),
        *_compaction(found),
    ]


def _copies(found: Mapping[str, str], replication: int) -> list[Weakness]:
    least = int(found.get(MIN_COPIES, "2"))
    if replication >= ENOUGH_COPIES and least < 2:
        meaning = "an acknowledged event may have a single copy, and be lost with one broker"
        return [Weakness(MIN_COPIES, str(least), "2", meaning)]
    if replication > 1 and MIN_COPIES in found and least >= replication:
        meaning = f"no event is accepted while one of the {replication} copies is away"
        return [Weakness(MIN_COPIES, str(least), str(replication - 1), meaning)]
    return []


def _retention(found: Mapping[str, str], retention: int) -> list[Weakness]:
    kept, size = int(found.get(RETENTION, "-1")), int(found.get(RETENTION_BYTES, "-1"))
    weak = []
    if 0 <= kept < retention:
        meaning = f"events are removed after {kept / _HOUR:g} h, read or not"
        weak.append(Weakness(RETENTION, str(kept), str(retention), meaning))
    if size >= 0:
        meaning = "events are removed once a partition is larger, read or not"
        weak.append(Weakness(RETENTION_BYTES, str(size), "-1", meaning))
    return weak


def _time(found: Mapping[str, str]) -> list[Weakness]:
    kind, ahead = found.get(TIME_TYPE, BROKERS_TIME), int(found.get(MAX_AHEAD, _UNLIMITED))
    if kind == BROKERS_TIME:
        return []
    meaning = f"a receiver whose clock is ahead by more than {ahead / _HOUR:g} h can publish nothing"
    if ahead == int(_UNLIMITED):
        meaning = "the receivers' clocks decide how long records are kept"
    return [Weakness(TIME_TYPE, kind, BROKERS_TIME, meaning)]


def _flag(found: Mapping[str, str], name: str, bad: str, good: str, meaning: str) -> list[Weakness]:
    value = found.get(name, good)
    return [Weakness(name, value, good, meaning)] if value == bad else []


def _compaction(found: Mapping[str, str]) -> list[Weakness]:
    value = found.get(CLEANUP, "delete")
    meaning = "events that a later one of the same source follows are removed, read or not"
    return [Weakness(CLEANUP, value, "delete", meaning)] if "compact" in value else []
