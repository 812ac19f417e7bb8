"""Which settings of a topic weaken a promise."""

from __future__ import annotations

import pytest

from processing.kafka.administration.topic_promises import wanted_settings, weaknesses

WEEK = 7 * 24 * 3_600_000  # milliseconds
# What Kafka 4 gives a topic of three copies that nobody configured.
DEFAULTS = {
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "false",
    "retention.ms": str(WEEK),
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": "3600000",
}


def told(replication: int, **changes: str) -> list[tuple[str, str]]:
    found = DEFAULTS | {name.replace("_", "."): value for name, value in changes.items()}
    return [(weak.setting, weak.wanted) for weak in weaknesses(found, replication=replication, retention=WEEK)]


@pytest.mark.parametrize("replication", [1, 2, 3, 5])
def test_the_settings_of_a_new_topic_weaken_nothing(replication: int) -> None:
    new = DEFAULTS | wanted_settings(replication=replication, retention=WEEK)

    assert weaknesses(new, replication=replication, retention=WEEK) == []
    assert new["min.insync.replicas"] == ("2" if replication >= 3 else "1")


def test_a_single_confirming_copy_of_three_is_told() -> None:
    time = ("message.timestamp.type", "LogAppendTime")

    assert told(1) == [time]
    assert told(3) == [("min.insync.replicas", "2"), time]
    assert told(2, min_insync_replicas="2") == [("min.insync.replicas", "1"), time]


@pytest.mark.parametrize(
    ("setting", "value", "better"),
    [
        ("unclean_leader_election_enable", "true", "false"),
        ("retention_ms", "3600000", str(WEEK)),
        ("retention_bytes", "1000000", "-1"),
        ("cleanup_policy", "compact", "delete"),
        ("cleanup_policy", "compact,delete", "delete"),
    ],
)
def test_what_loses_events_is_told(setting: str, value: str, better: str) -> None:
    assert told(1, message_timestamp_type="LogAppendTime", **{setting: value}) == [(setting.replace("_", "."), better)]


def test_records_that_are_kept_for_longer_or_for_ever_are_fine() -> None:
    for kept in ("-1", str(2 * WEEK)):
        assert told(1, message_timestamp_type="LogAppendTime", retention_ms=kept) == []


def test_a_setting_that_an_older_broker_does_not_have_is_not_told() -> None:
    assert weaknesses({}, replication=3, retention=WEEK) == []
