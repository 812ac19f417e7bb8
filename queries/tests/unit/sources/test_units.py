"""Which unit the labels of a source give a field."""

from __future__ import annotations

from queries.reads.units import unit_of


def test_a_field_has_the_unit_of_the_label_with_its_name_or_else_that_of_its_source() -> None:
    labels = {"unit.temperature": "°C", "unit.room.humidity": "%", "unit": "V", "unit.count": ""}

    assert unit_of("temperature", labels) == "°C"
    assert unit_of("room.humidity", labels) == "%"
    assert unit_of("voltage", labels) == "V"
    # An empty label says that there is none.
    assert unit_of("count", labels) is None
    assert unit_of("x", {"room": "cellar"}) is None
