"""Content that people wrote: what does not fit is named with its place and the nearest valid word."""

from __future__ import annotations

import pytest

from processing.logic.content import Content
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions.checks import reading

RULE = {"name": "hot", "actions": ["tag hot"]}
SCHEMA = {"name": "weather", "version": 1, "sources": ["*"]}


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ([], Fault("", "expected object, got array")),
        ({"rulse": []}, Fault("/rulse", "unknown; did you mean rules?")),
        ({"zzz": []}, Fault("/zzz", "unknown; there are: rules, schemas, tables, units, labels")),
        ({"rules": [{**RULE, "wen": ""}]}, Fault("/rules/0/wen", "unknown; did you mean when?")),
        ({"rules": [RULE, {"name": "cold"}]}, Fault("/rules/1", "object missing required field actions")),
        ({"rules": [{**RULE, "actions": ["a", 1]}]}, Fault("/rules/0/actions/1", "expected str, got int")),
        (
            {"schemas": [{**SCHEMA, "mode": "wran"}]},
            Fault("/schemas/0/mode", "expected one of off, warn, enforce; did you mean warn?"),
        ),
        ({"labels": {"a": {"x": "1"}, "b/c": {"x": 1}}}, Fault("/labels/b~1c/x", "expected str, got int")),
        ({"tables": {3: 1}}, Fault("/tables", "expected str, got int")),
        (
            {"rules": [{**RULE, "examples": [{"input": {"sourceId": "a", "payload": {}}, "output": {"paylod": {}}}]}]},
            Fault("/rules/0/examples/0/output/paylod", "unknown; did you mean payload?"),
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(written: object, fault: Fault) -> None:
    with pytest.raises(InvalidLogic) as refused:
        reading.convert(written, Content)

    assert refused.value.faults == [fault]


def test_what_fits_is_read() -> None:
    found = reading.convert({"rules": [RULE], "schemas": [SCHEMA]}, Content)

    assert (found.rules[0].name, found.schemas[0].mode) == ("hot", "warn")
