"""What goes straight to a leader is byte for byte, or field for field, what the client would have sent."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.protocol.producer import ProduceRequest, ProduceResponse
from kafka.record import MemoryRecords

from ingestion.kafka.direct import produce_request, record_batch
from ingestion.kafka.producer_record import ProducerRecord

NOW = 1_764_000_000_000  # milliseconds since the epoch
TOPIC = ProduceRequest.TopicProduceData
RESULT = ProduceResponse.TopicProduceResponse

records = st.builds(
    ProducerRecord,
    partition=st.just(0),
    key=st.none() | st.binary(max_size=130),
    value=st.binary(max_size=300) | st.integers(0, 40_000).map(bytes),
    headers=st.lists(st.tuples(st.text(max_size=70), st.none() | st.binary(max_size=70)), max_size=4),
)


@given(st.lists(records, min_size=1, max_size=80))
def test_the_client_reads_from_a_batch_what_was_put_into_it(given: list[ProducerRecord]) -> None:
    encoded = MemoryRecords(record_batch.encode(given, now=NOW))

    batch = encoded.next_batch()
    assert batch.validate_crc()
    read = list(batch)
    assert not encoded.has_next()
    assert [one.offset for one in read] == list(range(len(given)))
    assert {one.timestamp for one in read} == {NOW}
    assert [(one.key, one.value, one.headers) for one in read] == [(one.key, one.value, one.headers) for one in given]


@given(st.dictionaries(st.integers(0, 1_000), st.binary(max_size=300), min_size=1, max_size=12))
def test_a_request_is_what_the_client_would_send(batches: dict[int, bytes]) -> None:
    theirs = ProduceRequest(
        transactional_id=None,
        acks=-1,
        timeout_ms=3_000,
        topic_data=[
            TOPIC(
                name="raw-data",
                partition_data=[TOPIC.PartitionProduceData(index=at, records=batch) for at, batch in batches.items()],
            )
        ],
        version=produce_request.VERSION,
    )
    theirs.with_header(correlation_id=7, client_id="dataflow")

    ours = produce_request.encode(7, b"raw-data", batches, client=b"dataflow", timeout=3.0)

    assert ours == theirs.encode(framed=True, header=True)


@given(st.dictionaries(st.integers(0, 1_000), st.integers(-1, 90), max_size=12))
def test_the_errors_of_an_answer_are_read_by_partition(errors: dict[int, int]) -> None:
    answer = ProduceResponse(
        responses=[
            RESULT(
                name="raw-data",
                partition_responses=[
                    RESULT.PartitionProduceResponse(index=at, error_code=code, base_offset=at)
                    for at, code in errors.items()
                ],
            )
        ],
        throttle_time_ms=0,
        version=produce_request.VERSION,
    )
    answer.with_header(correlation_id=7)

    assert produce_request.errors(answer.encode(header=True), number=7, topic=b"raw-data") == errors


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 8,
        struct.pack(">iih", 1, 2, 0),
        struct.pack(">iihi", 1, 1, 0, 9),
        struct.pack(">iih1si", 1, 1, 1, b"b", 0),  # about another topic
        struct.pack(">iih1si", 2, 1, 1, b"a", 0),  # to another request
    ],
)
def test_what_is_no_answer_to_the_request_is_an_error(answer: bytes) -> None:
    with pytest.raises(produce_request.NoAnswer):
        produce_request.errors(answer, number=1, topic=b"a")


def test_an_answer_without_partitions_is_one() -> None:
    assert produce_request.errors(struct.pack(">iih1si", 1, 1, 1, b"a", 0), number=1, topic=b"a") == {}
