from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.events import fields


@given(st.lists(st.text(alphabet="ab.\\ é\n[", min_size=1, max_size=10), min_size=1, max_size=10))
def test_a_path_leads_back_to_its_keys(keys: list[str]) -> None:
    assert fields.split(fields.join(keys)) == tuple(keys)


@given(st.lists(st.text(alphabet="ab.\\", min_size=1), min_size=1), st.floats(allow_nan=False))
def test_a_numeric_field_is_found_by_its_own_name(keys: list[str], value: float) -> None:
    payload: object = value
    for key in reversed(keys):
        payload = {key: payload}
    assert isinstance(payload, dict)

    for path in fields.numeric_fields(payload):
        assert fields.split(path) == tuple(keys)


@pytest.mark.parametrize("path", ["", ".", ".a", "a.", "a..b", "a\\x", "\\", "a.\\", "é" * 129])
def test_a_path_with_an_empty_step_or_a_wrong_escape_is_none(path: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        fields.split(path)
