from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from ingestion.runtime import signed_values

SIGNED = signed_values.sign("dataflow:a", b"body")


def test_a_signed_value_is_read_under_its_own_name_alone() -> None:
    assert signed_values.verify("dataflow:a", SIGNED) == b"body"
    assert signed_values.verify(b"dataflow:a", SIGNED) == b"body"
    assert signed_values.verify("dataflow:b", SIGNED) is None


def test_a_name_and_a_body_can_not_be_divided_otherwise() -> None:
    assert signed_values.verify("dataflow:ab", SIGNED.replace(b"body", b"ody")) is None


def test_a_value_of_another_secret_is_not_read(settings: Settings) -> None:
    settings.SECRET_KEY = "another"

    assert signed_values.verify("dataflow:a", SIGNED) is None


def test_a_value_of_an_older_secret_is_read_while_that_is_a_fallback(settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"

    assert signed_values.verify("dataflow:a", SIGNED) is not None
    assert signed_values.verify("dataflow:b", SIGNED) is None


@pytest.mark.parametrize("place", range(len(SIGNED)))
def test_a_changed_value_is_not_read(place: int) -> None:
    changed = SIGNED[:place] + bytes([SIGNED[place] ^ 1]) + SIGNED[place + 1 :]

    assert signed_values.verify("dataflow:a", changed) is None
    assert signed_values.verify("dataflow:a", SIGNED[:place]) is None


@pytest.mark.parametrize("value", [None, "1:x", 7, [], {}, b"", b"1:", b"2:" + SIGNED[2:], b"\x80\x04.", b"\xff" * 99])
def test_what_is_no_signed_value_is_not_read(value: object) -> None:
    assert signed_values.verify("dataflow:a", value) is None
