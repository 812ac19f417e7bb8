"""Which servers are on one volume."""

from __future__ import annotations

from processing.monitoring.volumes import Volume, VolumeGroups

GB = 1_000_000_000
PATH = Volume("/mnt", 90 * GB, 95 * GB, device=7, size=100 * GB)
POSTGRESQL = Volume("PostgreSQL", 90 * GB, 95 * GB, device=7, size=100 * GB)
# These two report the whole volume, and were asked a moment later.
MONGODB = Volume("MongoDB", 95 * GB + 4096, 100 * GB, size=100 * GB)
KAFKA = Volume("Kafka, broker 1", 95 * GB + 90_000_000, 100 * GB, size=100 * GB)
OTHER = Volume("Kafka, broker 2", 40 * GB, 100 * GB, size=100 * GB)
REDIS = Volume("Redis", 95 * GB, 100 * GB, size=100 * GB, memory=True)


def grouped(groups: VolumeGroups, *volumes: Volume) -> dict[str, list[str]]:
    return {group.subject: group.names for group in groups.of(volumes)}


def test_a_volume_is_counted_once_whoever_reports_it() -> None:
    assert grouped(VolumeGroups(), PATH, POSTGRESQL, MONGODB, REDIS, KAFKA, OTHER) == {
        "/mnt": ["/mnt", "PostgreSQL", "MongoDB", "Kafka, broker 1"],
        "Redis": ["Redis"],
        "Kafka, broker 2": ["Kafka, broker 2"],
    }


def test_two_devices_are_two_volumes_however_alike() -> None:
    twin = Volume("/srv", PATH.used, PATH.total, device=8, size=PATH.size)

    assert list(grouped(VolumeGroups(), PATH, twin)) == ["/mnt", "/srv"]


def test_small_volumes_are_told_apart_by_less() -> None:
    one, other = (
        Volume(name, used, 64_000_000, size=64_000_000) for name, used in (("a", 60_000_000), ("b", 2_000_000))
    )

    assert list(grouped(VolumeGroups(), one, other)) == ["a", "b"]


def test_a_volume_keeps_its_name_while_the_server_that_gave_it_is_silent() -> None:
    groups = VolumeGroups()
    grouped(groups, POSTGRESQL, MONGODB, KAFKA)

    assert grouped(groups, MONGODB, KAFKA) == {"PostgreSQL": ["MongoDB", "Kafka, broker 1"]}
    assert grouped(groups, POSTGRESQL, MONGODB) == {"PostgreSQL": ["PostgreSQL", "MongoDB"]}


def test_how_full_a_volume_is_counts_in_percent() -> None:
    assert Volume("x", used=1, total=4).percent == 25
