"""Records of other producers, damaged ones too: none stops a partition for good, none stops another partition."""

from __future__ import annotations

import pytest

from deploy.testing.deployment import Deployment
from deploy.testing.topics import PARTITIONS
from processing.ledger.incidents import open_incidents
from processing.models import Hold, LedgerGap
from processing.tests import expectations, factories
from processing.tests.commands import run_json
from processing.tests.consumer_thread import running_loop
from processing.tests.foreign_producers import (
    CODECS,
    Foreign,
    flip_bit,
    plain,
    send_with_aiokafka,
    send_with_librdkafka,
)

pytestmark = pytest.mark.services

WITHIN = 10  # seconds in which good events after a foreign record are stored
BAD = 1  # the partition


def good_everywhere(site: Deployment, first: int) -> None:
    """Put one good event into every partition."""
    for partition in range(PARTITIONS):
        factories.put(
            site.raw_topic, factories.line(first + partition, source=f"good-{partition}"), partition=partition
        )


def stored(site: Deployment, pattern: str = "%") -> int:
    return int(expectations.query(site, f"SELECT count(*) FROM events WHERE source_id LIKE '{pattern}'")[0][0])


def test_all_codecs_headers_and_transactions_of_other_clients_are_stored(site: Deployment) -> None:
    number = 0
    for codec in CODECS:
        for send in (send_with_librdkafka, send_with_aiokafka):
            records: list[Foreign] = []
            for name in ("v", "n", "dataflow-version", "dataflow-count", "redrive-of", "traceparent"):
                for value in (None, b"", b"garbage"):
                    number += 1
                    records.append(Foreign(plain(number), number % PARTITIONS, headers=[(name, value)]))
            send(site.raw_topic, records, codec=codec)
    send_with_librdkafka(site.raw_topic, [Foreign(plain(number + 1), 0)], codec="lz4", transaction="commit")
    send_with_librdkafka(site.raw_topic, [Foreign(plain(number + 2), 1)], codec="zstd", transaction="abort")

    with running_loop():
        site.wait_for(lambda: stored(site, "foreign") == number + 1, 30)
        good_everywhere(site, 1_000)
        site.wait_for(lambda: stored(site, "good-%") == PARTITIONS, WITHIN)
        # The marks of transactions are passed, and what was aborted is no event.
        site.wait_for(lambda: expectations.caught_up(site), WITHIN)

    assert stored(site) == number + 1 + PARTITIONS
    assert expectations.letters(site) == {}


def test_a_damaged_batch_holds_its_partition_until_it_is_skipped_and_no_other(site: Deployment) -> None:
    send_with_librdkafka(site.raw_topic, [Foreign(plain(n), BAD) for n in range(3)], codec="none")
    send_with_librdkafka(
        site.raw_topic, [Foreign(plain(n, source="damaged"), BAD) for n in range(10, 15)], codec="none"
    )
    send_with_librdkafka(site.raw_topic, [Foreign(plain(n, source="after"), BAD) for n in range(20, 23)], codec="lz4")
    flip_bit(site, partition=BAD, within=b"damaged")
    good_everywhere(site, 1_000)

    with running_loop() as loop:
        site.wait_for(lambda: Hold.objects.filter(released_at=None).count() == 1, 30)
        hold = Hold.objects.get()
        assert (hold.kind, hold.partition) == ("unreadable", BAD)
        assert "records 3 to 7 can't be read" in hold.reason
        incident = open_incidents().get()
        assert (incident.kind, incident.subject) == ("unreadable", f"{site.raw_topic}/{BAD}")
        site.wait_for(lambda: stored(site, "good-%") == PARTITIONS - 1, WITHIN)
        site.wait_for(lambda: loop.state.held == [BAD], WITHIN)
        assert stored(site, "foreign") == 3

        skipped = run_json("partitions", "skip-batch", site.raw_topic, str(BAD))

        assert skipped["skipped"] == {"topic": site.raw_topic, "partition": BAD, "first": 3, "next": 8}
        site.wait_for(lambda: stored(site, "after") == 3 and stored(site, "good-%") == PARTITIONS, WITHIN)
        site.wait_for(lambda: expectations.caught_up(site), WITHIN)

    assert [(gap.first_offset, gap.next_offset, gap.cause) for gap in LedgerGap.objects.all()] == [(3, 8, "skipped")]
    assert run_json("reconcile")["ok"]
