"""When what waits in Kafka is removed, as the page of the pipeline says it."""

from __future__ import annotations

from dashboard.pages.pipeline.partitions import PartitionRow
from dashboard.pages.pipeline.reading import expiries_of
from queries.pipeline.measured.measurements import Capacity

DAY = 86_400.0


def row(partition: int, *, records: int, seconds: float | None) -> PartitionRow:
    return {
        "topic": "raw-data", "partition": partition, "records": records, "events": str(records), "seconds": seconds,
        "owner": None, "ownerState": "", "ownerSince": None, "held": None, "tone": "good", "state": "Read",
    }  # fmt: skip


def test_only_what_has_waited_for_long_is_told_and_the_soonest_first() -> None:
    capacity: Capacity = {"at": 0, "volumes": [], "retentionSeconds": 7 * DAY, "retentionLimited": True}
    rows = [
        row(0, records=40, seconds=0.2),  # came this moment
        row(1, records=9, seconds=3_600.0),
        row(2, records=0, seconds=8 * DAY),  # nothing waits
        row(3, records=9, seconds=8 * DAY),
        row(4, records=9, seconds=None),
    ]

    assert [(each["partition"], each["seconds"]) for each in expiries_of(rows, capacity)] == [
        (3, 0.0),
        (1, 7 * DAY - 3_600),
    ]
    assert expiries_of(rows, capacity | {"retentionSeconds": None}) == expiries_of(rows, None) == []
