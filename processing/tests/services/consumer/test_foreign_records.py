"""Records of other producers, damaged ones too: none stops a partition for good, none stops another partition."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from deploy.testing.deployment import Deployment
from deploy.testing.topics import PARTITIONS
from ingestion.kafka import record_encoder, record_headers
from ingestion.kafka.record_headers import Headers
from processing.consumer.loop import Loop
from processing.kafka import topic_search
from processing.kafka.consumer import Consumer
from processing.ledger.incidents import open_incidents
from processing.models import Hold, LedgerGap
from processing.tests import expectations, factories
from processing.tests.commands import run_json
from processing.tests.consumer_thread import running_loop
from processing.tests.factories import event_id
from processing.tests.foreign_producers import (
    CODECS,
    Foreign,
    flip_bit,
    open_transaction,
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


def test_what_waits_behind_an_open_transaction_counts_as_waiting_and_can_be_traced(site: Deployment) -> None:
    with open_transaction(site.raw_topic, [Foreign(plain(1), BAD)]):
        factories.put(site.raw_topic, factories.line(2, source="good-1"), partition=BAD)
        ranges = {BAD: (0, site.raw_ends()[BAD])}
        with running_loop():
            good_everywhere(site, 1_000)
            site.wait_for(lambda: stored(site, "good-%") == PARTITIONS - 1, WITHIN)
            assert (expectations.progress(site).get(BAD, 0), site.raw_ends()[BAD]) == (0, 3)
            assert topic_search.search(UUID(event_id(2)), ranges).complete
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), WITHIN)
    assert (stored(site, "good-%"), stored(site, "foreign")) == (PARTITIONS + 1, 0)


def test_a_record_of_a_newer_release_holds_its_partition_alone_until_a_consumer_can_read_it(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_newer(site)
    with running_loop():
        site.wait_for(lambda: Hold.objects.filter(released_at=None, kind="version", partition=BAD).exists(), WITHIN)
        good_everywhere(site, 1_000)
        site.wait_for(lambda: stored(site, "good-%") == PARTITIONS - 1, WITHIN)
        assert open_incidents().get().kind == "version"
        assert expectations.progress(site)[BAD] == 1

    monkeypatch.setattr(record_headers, "FORMAT_VERSION", 2)
    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), WITHIN)

    assert (stored(site), expectations.letters(site)) == (3 + PARTITIONS, {})
    assert not open_incidents().exists()
    assert Hold.objects.get().released_by == "consumer"


def test_an_operator_sets_a_record_of_a_newer_release_aside(site: Deployment) -> None:
    put_newer(site)
    with running_loop():
        site.wait_for(lambda: Hold.objects.filter(released_at=None).exists(), WITHIN)
        run_json("partitions", "resume", site.raw_topic, str(BAD), "--through-end")
        site.wait_for(lambda: expectations.caught_up(site), WITHIN)

    assert (stored(site), expectations.letters(site)) == (2, {("sensor-1", "unsupported_version"): 1})
    assert run_json("reconcile")["ok"]


def test_a_bug_that_a_record_meets_before_the_stores_makes_it_a_letter_and_the_rest_is_stored(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("version", "event_count"):
        monkeypatch.setattr(record_headers, name, failing_on(getattr(record_headers, name), "poison"))
    headers: Headers = [*record_encoder.headers(count=1), ("poison", b"")]
    factories.put(site.raw_topic, factories.line(1), partition=BAD)
    factories.put(site.raw_topic, factories.line(2), partition=BAD, headers=headers)
    good_everywhere(site, 1_000)

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)

    assert stored(site) == 1 + PARTITIONS
    assert expectations.letters(site) == {("sensor-1", "internal_error"): 1}


def test_a_bug_of_the_loop_itself_stops_nothing(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    gather, calls = Loop._gather, iter(range(1_000_000))

    def gathering(loop: Loop, consumer: Consumer) -> float:
        seconds = gather(loop, consumer)
        if loop._held and next(calls) < 2:
            raise ZeroDivisionError
        return seconds

    monkeypatch.setattr(Loop, "_gather", gathering)
    good_everywhere(site, 1_000)

    with running_loop():
        site.wait_for(lambda: expectations.caught_up(site), 30)
        site.wait_for(lambda: not open_incidents().exists(), WITHIN)

    assert stored(site) == PARTITIONS


def put_newer(site: Deployment) -> None:
    newer: Headers = [("dataflow-version", b"2"), ("dataflow-count", b"1")]
    for number, headers in ((1, None), (2, newer), (3, None)):
        factories.put(site.raw_topic, factories.line(number), partition=BAD, headers=headers)


def failing_on(read: Callable[[Headers], object], name: str) -> Callable[[Headers], object]:
    def reading(headers: Headers) -> object:
        if name in dict(headers):
            raise LookupError
        return read(headers)

    return reading


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
