"""A payload that is read from the text of jsonb has the values that were stored."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.stores.jsonb import load_payload

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8), _values))
def test_values_are_read_as_python_reads_them(payload: dict[str, object]) -> None:
    text = json.dumps(payload, ensure_ascii=False)

    assert repr(load_payload(text)) == repr(json.loads(text))


@pytest.mark.parametrize(
    ("text", "value"), [("1" + "0" * 300, 1e300), (str(2**63 - 1), 2**63 - 1), (str(2**63), 2.0**63)]
)
def test_a_long_number_is_an_integer_if_it_fits_into_64_bits(text: str, value: float) -> None:
    [found] = load_payload(f'{{"n": {text}}}').values()

    assert (type(found), found) == (type(value), value)
