"""Kafka: its brokers, the topics with what their settings promise, and whether anybody reads them."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from dataflow_site.doctor.findings import Group, Said, error, right, warning
from processing.errors import NeedsOperator
from processing.kafka.administration.inspection import Inspection, inspect
from processing.supported_versions import KAFKA, too_old

PREPARE = "manage.py prepare_stores"
_AROUND = 4_096  # bytes of a record and its batch around the event


GROUP: Group[Inspection] = Group(
    "kafka", inspect, "Check KAFKA_BOOTSTRAP_SERVERS and what KAFKA_… says of TLS and users, and start it."
)


def _names() -> tuple[str, str]:
    return settings.KAFKA_TOPIC_RAW_DATA, settings.KAFKA_TOPIC_PROCESSED_DATA


def _alter(topic: str, setting: str, value: str) -> str:
    servers = ",".join(settings.KAFKA_BOOTSTRAP_SERVERS)
    return (
        f"kafka-configs.sh --bootstrap-server {servers} --alter --entity-type topics --entity-name {topic}"
        f" --add-config {setting}={value}"
    )


@GROUP.check("version", "Every broker is of a supported version.")
def version(kafka: Inspection) -> Iterator[Said]:
    """As far as brokers tell it."""
    found = min(kafka.versions.values())
    sentence = too_old(KAFKA, found)
    yield (
        error(sentence, "Upgrade the brokers, one after the other.")
        if sentence
        else right(f"Version {found[0]}.{found[1]}.")
    )


@GROUP.check("brokers", "There are as many brokers as a record has copies.")
def brokers(kafka: Inspection) -> Iterator[Said]:
    """Else no topic can be made, and no copy replaces a lost one."""
    wanted = settings.DATAFLOW_KAFKA_REPLICATION
    if len(kafka.versions) < wanted:
        yield error(
            f"{len(kafka.versions)} brokers answer, and records have {wanted} copies.",
            "Start the missing brokers, or lower DATAFLOW_KAFKA_REPLICATION.",
        )


@GROUP.check("topics", "Both topics are there, with the partitions that are set.")
def topics(kafka: Inspection) -> Iterator[Said]:
    """The number of partitions decides where a source's events go."""
    wanted = settings.DATAFLOW_KAFKA_PARTITIONS
    for name in _names():
        topic = kafka.topic(name)
        if topic is None:
            yield error(f"The topic {name} is missing.", PREPARE)
        elif topic.partitions != wanted:
            yield error(
                f"The topic {name} has {topic.partitions} partitions, and DATAFLOW_KAFKA_PARTITIONS is {wanted}.",
                f"Set DATAFLOW_KAFKA_PARTITIONS={topic.partitions} for every process.",
            )


@GROUP.check("copies", "Every partition has a leader, and all its copies are up to date.")
def copies(kafka: Inspection) -> Iterator[Said]:
    """A partition without a leader takes no event."""
    wanted = settings.DATAFLOW_KAFKA_REPLICATION
    for name in _names():
        topic = kafka.topic(name)
        if topic is None:
            continue
        if topic.leaderless:
            yield error(
                f"Partitions of {name} have no leader: {_list(topic.leaderless)}.", "Start the brokers that hold them."
            )
        if topic.behind:
            yield warning(
                f"Copies of {name} are behind, in the partitions {_list(topic.behind)}.",
                "Look at the brokers that are down or full; it mends itself.",
            )
        if topic.copies < wanted:
            yield warning(
                f"The topic {name} has {topic.copies} copies, and DATAFLOW_KAFKA_REPLICATION is {wanted}.",
                "kafka-reassign-partitions.sh (prepare_stores changes no topic that exists)",
            )


@GROUP.check("promises", "The topics' settings keep what the product promises.")
def promises(kafka: Inspection) -> Iterator[Said]:
    """Retention, copies that confirm, elections, compaction, and whose clock counts."""
    for name in _names():
        topic = kafka.topic(name)
        for weak in topic.weaknesses if topic else ():
            yield error(
                f"Topic {name}: {weak.setting} is {weak.value}, so {weak.meaning}.",
                _alter(name, weak.setting, weak.wanted),
            )


@GROUP.check("sizes", "The topics take the largest event.")
def sizes(kafka: Inspection) -> Iterator[Said]:
    """An event that a receiver accepts and Kafka refuses is answered with an error each time."""
    wanted = settings.DATAFLOW_MAX_EVENT_BYTES + _AROUND
    for name in _names():
        topic = kafka.topic(name)
        if topic and topic.largest < wanted:
            yield error(
                f"Topic {name} takes records of {topic.largest:,} bytes, and events may have {settings.DATAFLOW_MAX_EVENT_BYTES:,}.",
                _alter(name, "max.message.bytes", str(max(1_048_588, wanted))),
            )


@GROUP.check("consumers", "Consumers read the topic.")
def consumers(kafka: Inspection) -> Iterator[Said]:
    """As the group's coordinator sees them: a killed one counts for ten seconds."""
    try:
        members = kafka.members()
    except NeedsOperator as refusal:
        yield warning(
            f"The group can't be looked at: {refusal}", "Allow DESCRIBE of the group DATAFLOW_CONSUMER_GROUP."
        )
        return
    topic = kafka.topic(settings.KAFKA_TOPIC_RAW_DATA)
    if members == 0:
        yield warning("No consumer runs: what is accepted waits in Kafka.", "manage.py consume")
    elif topic and members > topic.partitions:
        yield warning(
            f"{members} consumers run on {topic.partitions} partitions: some have nothing to do.",
            f"Run {topic.partitions} at most.",
        )
    else:
        yield right(f"{members} consumer{'s' if members > 1 else ''} on {topic.partitions if topic else 0} partitions.")


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
