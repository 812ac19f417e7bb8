"""The fast renderer writes what Django REST framework's own one writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.views import APIView

from queries.json_renderer import FastJSONRenderer

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(_values)
def test_both_renderers_write_the_same_values(value: object) -> None:
    assert json.loads(FastJSONRenderer().render([value])) == json.loads(JSONRenderer().render([value]))


@pytest.mark.parametrize(
    "value",
    [
        {"text": "line\u2028paragraph\u2029ß"},
        {"n": 2**70},
        {"when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "id": UUID(int=5)},
        None,
    ],
)
def test_what_is_rare_is_written_byte_by_byte_as_before(value: object) -> None:
    assert FastJSONRenderer().render(value) == JSONRenderer().render(value)


def test_what_is_to_be_indented_is() -> None:
    assert FastJSONRenderer().render({"a": 1}, "application/json; indent=4") == b'{\n    "a": 1\n}'


def test_the_api_uses_it() -> None:
    assert APIView.renderer_classes[0] is FastJSONRenderer
