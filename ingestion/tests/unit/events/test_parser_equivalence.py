from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ingestion.events import batch_parser, parser, strict_parser
from ingestion.events.batch import BatchLimits, ParsedBatch
from ingestion.events.identity import source_ids
from ingestion.events.model import Event, InvalidEvent
from ingestion.problems import Code, RequestRejected
from ingestion.receivers.http import body_parsers
from ingestion.tests import strategies

LIMITS = BatchLimits()
QUICK_ENOUGH = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


def judged(text: bytes) -> Event | Code:
    """What the strict path alone makes of one event."""
    try:
        return parser.build_event(strict_parser.read(text, now=strategies.NOW))
    except InvalidEvent as error:
        return error.code


def parsed(text: bytes) -> Event | Code:
    try:
        return parser.parse_event(text, now=strategies.NOW)
    except InvalidEvent as error:
        return error.code


@QUICK_ENOUGH
@given(strategies.events)
def test_what_the_quick_path_accepts_the_strict_path_accepts_with_the_same_meaning(text: bytes) -> None:
    quick = parser.parse_fast(text, now=strategies.NOW)

    event("quick" if quick else "strict")
    assert quick is None or quick == strict_parser.read(text, now=strategies.NOW)


@QUICK_ENOUGH
@given(st.lists(strategies.events, min_size=1, max_size=4))
def test_an_array_parsed_at_once_means_what_its_events_mean_one_by_one(batch: list[bytes]) -> None:
    alone = [judged(text) for text in batch]

    at_once = batch_parser.parse_array(b"[" + b",".join(batch) + b"]", now=strategies.NOW, limits=LIMITS)

    event("at once" if at_once is not None else "left")
    assert at_once is None or at_once.events == alone


@QUICK_ENOUGH
@given(
    st.lists(strategies.events, min_size=1, max_size=4), st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b"", b" "])
)
def test_lines_parsed_at_once_mean_what_they_mean_one_by_one(batch: list[bytes], between: bytes) -> None:
    body = between.join(batch)
    alone = [judged(line) for line in body.split(b"\n") if line.strip(b" \t\r\n")]

    at_once = batch_parser.parse_lines(body, now=strategies.NOW, limits=LIMITS)

    event("at once" if at_once is not None else "left")
    assert at_once is None or at_once.events == alone


@pytest.mark.parametrize("length", [240, 250, 251, 252, 256, 257])
@pytest.mark.parametrize("value", ["1", "0", "0e9999", "1e-9999"])
def test_long_keys_and_odd_numbers_in_a_batch_mean_what_they_mean_alone(length: int, value: str) -> None:
    odd = b'{"sourceId":"a","timestamp":"2026-11-23T10:00:00Z","payload":{"%b":%b}}' % (b"k" * length, value.encode())
    texts = [odd.replace(value.encode(), b"1"), odd, odd.replace(b"k" * length, b"k")]

    batch = body_parsers.parse_json(b"[%b]" % b",".join(texts), now=strategies.NOW, limits=LIMITS)

    alone = [judged(text) for text in texts]
    assert batch.events == [each for each in alone if isinstance(each, Event)]
    assert [rejected.code for rejected in batch.rejected] == [each for each in alone if isinstance(each, Code)]


def test_events_of_new_sources_are_parsed_at_once_too() -> None:
    texts = [
        b'{"sourceId":"new-%d","timestamp":"2026-11-23T10:00:00Z","payload":{"a":1}}' % number for number in range(3)
    ]

    at_once = batch_parser.parse_array(b"[" + b",".join(texts) + b"]", now=strategies.NOW, limits=LIMITS)

    assert at_once is not None
    assert not at_once.all_known
    assert at_once.events == [judged(text) for text in texts]


@QUICK_ENOUGH
@given(strategies.events)
def test_the_strict_path_accepts_only_what_another_parser_reads_too(text: bytes) -> None:
    outcome = judged(text)

    if isinstance(outcome, Code):
        return
    assert msgspec.json.decode(outcome.payload) == msgspec.json.decode(text)["payload"]
    assert b"\n" not in outcome.payload
    assert parsed(text) == outcome


def parsed_batch(batch: list[bytes]) -> ParsedBatch | RequestRejected:
    try:
        return body_parsers.parse_json(b"[" + b",".join(batch) + b"]", now=strategies.NOW, limits=LIMITS)
    except RequestRejected as error:
        return error


@QUICK_ENOUGH
@given(st.lists(strategies.events, min_size=1, max_size=4))
def test_a_body_gives_each_of_its_items_a_place(batch: list[bytes]) -> None:
    result = parsed_batch(batch)
    if isinstance(result, RequestRejected):
        assert result.code is Code.NOT_JSON
        return

    accepted = result.indexes if result.indexes is not None else list(range(len(result.events)))
    places = sorted(accepted + [rejected.index for rejected in result.rejected])
    assert places == list(range(len(places)))


@pytest.fixture(autouse=True)
def _known_sources() -> None:
    for name in ("sensor-1", "site:7", "a"):
        source_ids.remember(name)
