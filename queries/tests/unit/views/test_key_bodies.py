"""Bodies that make a key or set its expiry: which are valid, and which members an error lists."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from queries.key_bodies import KeyExpiry, NewKey
from queries.request.json_body import InvalidBody

WRONG = [
    ("{}", ["/name"]),
    ('{"name": " "}', ["/name"]),
    ('{"name": "a\\u0000"}', ["/name"]),
    (f'{{"name": "{"a" * 101}"}}', ["/name"]),
    (f'{{"name": "a", "rate": "{"5" * 101}"}}', ["/rate"]),
    ('{"name": "a", "expiresAt": "soon"}', ["/expiresAt"]),
    ('{"name": "a", "expiresAt": "0001-01-01T00:00:00+23:00"}', ["/expiresAt"]),
    ('{"name": "", "scopes": ["rule"], "rate": "x", "sources": ["a b"]}', ["/name", "/scopes", "/sources", "/rate"]),
]


@pytest.mark.parametrize(("body", "pointers"), WRONG)
def test_every_wrong_member_of_a_new_key_is_listed(body: str, pointers: list[str]) -> None:
    with pytest.raises(InvalidBody) as caught:
        msgspec.json.decode(body, type=NewKey).checked()

    assert [error["pointer"] for error in caught.value.errors] == pointers


def test_a_new_key_ingests_from_every_source_and_never_expires_by_default() -> None:
    rights = msgspec.json.decode('{"name": " meter "}', type=NewKey).checked()

    assert (rights.name, rights.scopes, rights.sources, rights.rate, rights.expires_at) == (
        "meter", ["ingest"], [], "", None
    )  # fmt: skip


@pytest.mark.parametrize("text", ["2031-04-11T12:00:00Z", "2031-04-11T14:00:00+02:00", "2031-04-11T12:00:00"])
def test_a_time_without_a_zone_is_in_utc(text: str) -> None:
    expiry = msgspec.json.decode(f'{{"expiresAt": "{text}"}}', type=KeyExpiry)

    assert expiry.checked() == datetime(2031, 4, 11, 12, tzinfo=UTC)


def test_an_expiry_of_null_is_never_and_a_missing_one_is_an_error() -> None:
    assert msgspec.json.decode('{"expiresAt": null}', type=KeyExpiry).checked() is None
    with pytest.raises(InvalidBody) as caught:
        msgspec.json.decode("{}", type=KeyExpiry).checked()
    assert [error["pointer"] for error in caught.value.errors] == ["/expiresAt"]
