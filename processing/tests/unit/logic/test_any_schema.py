"""Any JSON is a schema or refused, and whatever schema it is, checking an event never fails."""

from __future__ import annotations

from hypothesis import given, reject
from hypothesis import strategies as st

from processing.logic.faults import InvalidLogic
from processing.logic.schemas.options import FORMATS, Values
from processing.logic.schemas.references import KEYWORDS
from processing.logic.schemas.schema import compile_schema

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=4),
    st.sampled_from(["", "#", "#/$defs/a", "^a", "(", "number", "object", "https://a/b", *FORMATS]),
)  # fmt: skip
words = st.sampled_from([*sorted(KEYWORDS), "a", "x-a", "tpye"])
any_json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=10
)
# Words that take what they are given, more often than chance would have it.
schemas = st.recursive(
    st.booleans() | st.fixed_dictionaries({}, optional=dict.fromkeys(("type", "pattern", "format", "minimum"), scalars)),
    lambda inner: st.dictionaries(
        st.sampled_from(["additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames"]), inner, max_size=3
    ) | st.dictionaries(
        st.sampled_from(["properties", "patternProperties", "$defs", "dependentSchemas"]),
        st.dictionaries(st.sampled_from(["a", "b", "^a", "/~"]), inner, max_size=2), max_size=2,
    ) | st.dictionaries(st.sampled_from(["allOf", "anyOf", "oneOf", "prefixItems"]), st.lists(inner, min_size=1, max_size=2), max_size=2),
    max_leaves=8,
)  # fmt: skip
payloads = st.dictionaries(
    st.sampled_from(["a", "b", "/~", ""]),
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=4
    ),
)


@given(any_json | schemas)
def test_any_json_is_a_schema_or_refused_with_places_in_it(document: object) -> None:
    try:
        compile_schema(document, "/document")
    except InvalidLogic as invalid:
        assert all(fault.pointer.startswith("/document") and fault.detail for fault in invalid.faults)  # noqa: PT017


@given(schemas, st.lists(payloads, max_size=5))
def test_an_event_is_valid_or_has_violations(document: object, events: list[Values]) -> None:
    try:
        schema = compile_schema(document)
    except InvalidLogic:
        reject()

    for values in events:
        assert schema.is_valid(values) == (schema.violations(values) == [])
