"""Whose a refused request is, and what is shown of it."""

from __future__ import annotations

import pytest

from ingestion.auth.api_keys import ANYONE, Grant
from ingestion.events.batch import KEPT_BYTES, Sent
from ingestion.refusals import attribution, beginning
from ingestion.refusals.attempt import Way

ONE = Grant("11111111", frozenset({"ingest"}), frozenset({"a"}), "", None)
SOME = Grant("22222222", frozenset({"ingest"}), frozenset({"a", "b"}), "", None)
LONG = b'"payload":{"x":"' + b"x" * 2_000


def text(sent: bytes, *, one_event: bool = True) -> Sent:
    return Sent(sent[:KEPT_BYTES], len(sent), one_event=one_event)


def body(sent: bytes) -> Sent:
    return text(sent, one_event=False)


@pytest.mark.parametrize(
    ("grant", "sent", "source"),
    [
        (None, text(b'{"sourceId":"a"}'), ""),  # nobody's key
        (SOME, None, ""),
        (ONE, None, "a"),  # all that the key sends is of its source
        (ONE, text(b"{"), "a"),
        (ONE, text(b'{"sourceId":"not allowed"'), "a"),  # the name of no source
        (ONE, text(b'{"sourceId":"c"}'), ""),
        (ONE, body(b'[{"sourceId":"a"},{"sourceId":"c"}'), ""),
        (SOME, text(b'{"payload":{"sourceId":"a"},"sourceId":"b"}'), "b"),
        (SOME, text(b'{"sourceId":"c"}'), ""),
        (SOME, body(b'{"sourceId": "b", }'), "b"),
        (SOME, body(b'{"sourceId":"a"}\n{"sourceId":"b"}'), ""),
        (SOME, text(b'{"sourceId":"b",' + LONG), "b"),
        (SOME, text(b"{" + LONG + b'"},"sourceId":"b"}'), ""),  # it was cut off
        (SOME, text(b'{"payload":{"sourceId":"a",' + LONG), ""),
        (SOME, body(b'{"sourceId":"b",' + LONG), ""),  # what was cut off may be of another
        (SOME, body(b"m,sourceId=a x=\nm,sourceId=a x=2"), "a"),
        (ANYONE, body(b'[{"sourceId":"z","sourceId":"z"}'), "z"),
    ],
)
def test_a_refused_request_is_of_the_source_that_it_names_and_its_key_is_for(
    grant: Grant | None, sent: Sent | None, source: str
) -> None:
    assert attribution.source_of(sent, Way.HTTP, grant) == source


def test_an_event_of_another_format_names_its_source_in_its_own_way() -> None:
    cloud, message = text(b'{"source":"/my/context","sourceId":"a"}'), body(b"\x0a\x01b")

    assert attribution.source_of(cloud, Way.CLOUDEVENTS, ANYONE) == "my-context-37b18cfcc6"
    assert attribution.source_of(message, Way.GRPC, ONE) == ""
    assert attribution.source_of(Sent(b"x", 1, "b"), Way.GRPC, SOME) == "b"


def test_what_is_shown_is_short_and_holds_no_token_and_nothing_unseen() -> None:
    token = b"dfe_" + b"0123abcd" + b"_" + b"f" * 40

    assert beginning.shown(b'{"key":"' + token + b'"}') == '{"key":"dfe_***"}'
    assert "0123abcd" not in beginning.shown(b"x" * 500 + token)
    assert beginning.shown(b"a\x00\x1b[2J\xff\r\n" + "\u202eé".encode()) == "a\\x00\\x1b[2J\\xff\\r\n\\u202eé"
    assert len(beginning.shown("é".encode() * 1_000)) == 256
    assert beginning.shown(b"x" + "é".encode() * 1_000) == "x" + "é" * 255
