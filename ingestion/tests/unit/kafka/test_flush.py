from __future__ import annotations

import asyncio

from ingestion.events.model import Event
from ingestion.kafka.partitioner import partition_of
from ingestion.kafka.record_encoder import MAX_BYTES, MAX_EVENTS, pack
from ingestion.kafka.submission import Submission

ID = "018f0000-0000-8000-8000-000000000000"


def submission(*events: Event, received: int = 1) -> Submission:
    acknowledged: asyncio.Future[None] = asyncio.Future(loop=asyncio.new_event_loop())
    acknowledged.get_loop().close()
    return Submission(events=events, received=received, size=0, deadline=0.0, acknowledged=acknowledged)


def event(source: str, payload: bytes = b"{}") -> Event:
    return Event(id=ID, source=source, ts=0, payload=payload)


def test_sources_land_where_the_java_client_puts_them() -> None:
    # Vectors of the Java client's own test: org.apache.kafka.common.utils.UtilsTest.testMurmur2
    hashes = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}

    for source, hashed in hashes.items():
        assert partition_of(source, 1000) == (hashed & 0x7FFFFFFF) % 1000


def test_events_of_one_partition_share_a_record_in_the_order_they_came() -> None:
    first, second = submission(event("a", b'{"n":1}'), received=7), submission(event("a", b'{"n":2}'), received=8)

    [record] = pack([first, second], 6)

    assert record.key == b"a"
    assert record.partition == partition_of("a", 6)
    assert record.value.split(b"\n") == [
        b'{"id":"%b","source":"a","ts":0,"received":7,"payload":{"n":1}}' % ID.encode(),
        b'{"id":"%b","source":"a","ts":0,"received":8,"payload":{"n":2}}' % ID.encode(),
    ]
    assert dict(record.headers)["dataflow-count"] == b"2"


def test_a_record_of_several_sources_has_no_key() -> None:
    [record] = pack([submission(event("a"), event("b"))], 1)

    assert record.key is None


def test_a_record_holds_no_more_events_than_the_limit() -> None:
    events = [event("a") for _ in range(MAX_EVENTS + 1)]

    counts = [record.value.count(b"\n") + 1 for record in pack([submission(*events)], 1)]

    assert counts == [MAX_EVENTS, 1]


def test_a_record_is_no_larger_than_the_limit_unless_one_event_is() -> None:
    large, small = event("a", b'"%b"' % (b"x" * MAX_BYTES)), event("a", b'"%b"' % (b"x" * (MAX_BYTES // 2)))

    sizes = [len(record.value) for record in pack([submission(small, small, large, small)], 1)]

    assert len(sizes) == 4
    assert [size > MAX_BYTES for size in sizes] == [False, False, True, False]


def test_a_submission_knows_every_partition_that_holds_one_of_its_events() -> None:
    one, two = submission(event("a"), event("b")), submission(event("c"))

    pack([one, two], 6)

    assert one.partitions == 1 << partition_of("a", 6) | 1 << partition_of("b", 6)
    assert two.partitions == 1 << partition_of("c", 6)
