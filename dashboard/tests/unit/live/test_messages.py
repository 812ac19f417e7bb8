"""Messages of clients: valid ones and errors."""

from __future__ import annotations

import pytest

from dashboard.live.messages import Ack, Pause, ProtocolError, Subscribe, Subscription, Unsubscribe, parse
from ingestion.auth.read_scope import EVERYTHING, ReadScope


def test_each_message_of_a_client_is_understood() -> None:
    assert parse('{"type":"subscribe","id":"s","channel":"tail"}') == Subscribe(id="s", channel="tail")
    assert parse('{"type":"unsubscribe","id":"s"}') == Unsubscribe(id="s")
    assert parse('{"type":"ack","seq":7}') == Ack(seq=7)
    assert parse('{"type":"pause","paused":false}') == Pause(paused=False)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "[]",
            "{}",
            '{"type":"dance"}',
            '{"type":"ack"}',
            '{"type":"ack","seq":"7"}',
            '{"type":"subscribe"}',
        ),
        *("[" * 2_000, '{"type":"ack","seq":7,"more":' + "[" * 2_000, '{"type":"ack","seq":' + '{"a":' * 800),
    ],
)
def test_anything_else_is_an_error_with_a_code(text: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse(text)

    assert raised.value.code == "invalid_message"


def test_an_overlong_message_is_not_even_read() -> None:
    with pytest.raises(ProtocolError) as raised:
        parse('{"type":"ack","seq":1}' + " " * 5000)

    assert raised.value.code == "message_too_large"


def test_a_series_names_its_source() -> None:
    message = parse('{"type":"subscribe","id":"s","channel":"series"}')

    assert isinstance(message, Subscribe)
    with pytest.raises(ProtocolError, match="sourceId"):
        message.subscription(EVERYTHING)


def test_what_is_watched_in_the_same_way_is_one_subscription() -> None:
    one = parse('{"type":"subscribe","id":"a","channel":"series","sourceId":"x","interval":"1h"}')
    other = parse('{"type":"subscribe","id":"b","channel":"series","sourceId":"x","interval":"1h"}')

    assert isinstance(one, Subscribe)
    assert isinstance(other, Subscribe)
    # Also by a reader of some sources, if it is one of these.
    readers = (EVERYTHING, ReadScope(frozenset({"x", "y"})))
    found = {message.subscription(scope) for message in (one, other) for scope in readers}
    assert found == {Subscription("series", ReadScope(frozenset({"x"})), "x", "1h")}


@pytest.mark.parametrize("channel", ["tail", "series"])
def test_a_subscription_to_a_source_outside_the_scope_is_to_nothing_and_not_refused(channel: str) -> None:
    scope = ReadScope(frozenset({"a"}))
    message = parse(f'{{"type": "subscribe", "id": "x", "channel": "{channel}", "sourceId": "b"}}')
    assert isinstance(message, Subscribe)

    assert message.subscription(scope).scope == ReadScope(frozenset())


def test_a_tail_with_the_same_filter_is_one_subscription_and_a_wrong_filter_is_refused_at_its_place() -> None:
    one = parse('{"type":"subscribe","id":"a","channel":"tail","filter":"late  temperature>30"}')
    other = parse('{"type":"subscribe","id":"b","channel":"tail","filter":" late temperature>30 "}')
    wrong = parse('{"type":"subscribe","id":"c","channel":"tail","filter":"temperature>"}')

    assert isinstance(one, Subscribe)
    assert isinstance(other, Subscribe)
    assert one.subscription(EVERYTHING) == other.subscription(EVERYTHING)
    assert isinstance(wrong, Subscribe)
    with pytest.raises(ProtocolError, match="at character 13: expected a value"):
        wrong.subscription(EVERYTHING)


def test_a_tail_names_the_fields_whose_texts_it_wants() -> None:
    wanted = parse('{"type":"subscribe","id":"a","channel":"tail","fields":["temperature","room.name"]}')
    many = parse(
        '{"type":"subscribe","id":"a","channel":"tail","fields":["a","b","c","d","e","f","g","h","i","j","k","l","m"]}'
    )
    wrong = parse('{"type":"subscribe","id":"a","channel":"tail","fields":[""]}')

    assert isinstance(wanted, Subscribe)
    assert wanted.subscription(EVERYTHING).fields == ("temperature", "room.name")
    for message in (many, wrong):
        assert isinstance(message, Subscribe)
        with pytest.raises(ProtocolError, match="fields: expected"):
            message.subscription(EVERYTHING)
