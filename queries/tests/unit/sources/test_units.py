"""Which unit a field has, by the labels of its source and by logic."""

from __future__ import annotations

from processing.logic.content import UnitContent
from queries.logic.declared_units import DeclaredUnits
from queries.reads.units import unit_of


def test_a_field_has_the_unit_of_the_label_with_its_name_or_else_that_of_its_source() -> None:
    labels = {"unit.temperature": "°C", "unit.room.humidity": "%", "unit": "V", "unit.count": ""}

    assert unit_of("temperature", labels, {}) == "°C"
    assert unit_of("room.humidity", labels, {}) == "%"
    assert unit_of("voltage", labels, {}) == "V"
    # An empty label says that there is none.
    assert unit_of("count", labels, {}) is None
    assert unit_of("x", {"room": "cellar"}, {}) is None


def test_a_declared_unit_stands_between_the_label_of_the_field_and_that_of_the_source() -> None:
    units = [
        UnitContent("noaa.*", "temperature", "degC"),
        UnitContent("*", "temperature", "K"),
        UnitContent("*", "x", "m"),
    ]
    declared = DeclaredUnits(units)

    assert (declared.of("noaa.1"), declared.of("a")) == (
        {"temperature": "degC", "x": "m"},
        {"temperature": "K", "x": "m"},
    )
    assert unit_of("temperature", {"unit": "V"}, declared.of("noaa.1")) == "degC"
    assert unit_of("temperature", {"unit.temperature": "°C"}, declared.of("noaa.1")) == "°C"
    assert unit_of("temperature", {"unit.temperature": ""}, declared.of("noaa.1")) is None
    assert unit_of("y", {"unit": "V"}, declared.of("noaa.1")) == "V"
