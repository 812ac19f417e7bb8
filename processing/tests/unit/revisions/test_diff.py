"""What differs between two contents of logic."""

from __future__ import annotations

import msgspec

from processing.logic.content import Content, RuleContent, SchemaContent, UnitContent
from processing.logic.revisions import diff
from processing.logic.revisions.diff import Change

HOT = RuleContent(name="hot", when="temperature > 30", actions=["tag hot"])
COLD = RuleContent(name="cold", when="temperature < 0", actions=["tag cold"])


def test_equal_contents_do_not_differ() -> None:
    assert diff.changes(Content(rules=[HOT]), Content(rules=[HOT])) == []
    assert diff.as_text([]) == ""


def test_each_field_of_a_rule_that_differs_is_one_change_with_its_place() -> None:
    hotter = msgspec.structs.replace(HOT, when="temperature > 35", actions=["tag hot", "tag summer"])

    found = diff.changes(Content(rules=[COLD, HOT]), Content(rules=[COLD, hotter]))

    assert found == [
        Change("/rules/1/actions", "rule hot: actions", ["tag hot"], ["tag hot", "tag summer"]),
        Change("/rules/1/when", "rule hot: when", "temperature > 30", "temperature > 35"),
    ]
    assert diff.as_text(found).splitlines() == [
        "~ rule hot: actions",
        "    - tag hot",
        "    + tag hot",
        "    + tag summer",
        "~ rule hot: when: temperature > 30 -> temperature > 35",
    ]


def test_a_moved_rule_is_a_change_of_the_order_alone() -> None:
    found = diff.changes(Content(rules=[HOT, COLD]), Content(rules=[COLD, HOT]))

    assert found == [Change("/rules", "order of rules", ["hot", "cold"], ["cold", "hot"])]


def test_parts_that_are_new_or_gone_are_shown_whole() -> None:
    schema = SchemaContent(name="weather", version=2, sources=["noaa-*"])
    unit = UnitContent(sources="noaa-*", field="temperature", unit="degC")
    before = Content(rules=[HOT], tables={"stations": 1})
    after = Content(schemas=[schema], units=[unit], labels={"a/b": {"site": "x"}})

    found = diff.changes(before, after)

    assert [(each.pointer, each.what, each.before is None, each.after is None) for each in found] == [
        ("/rules/0", "rule hot", False, True),
        ("/schemas/0", "schema weather", True, False),
        ("/tables/stations", "table stations", False, True),
        ("/units/0", "unit of temperature of noaa-*", True, False),
        ("/labels/a~1b", "labels of a/b", True, False),
    ]
    assert diff.as_text(found).splitlines() == [
        "- rule hot",
        "    - name: hot",
        '    - actions: ["tag hot"]',
        "    - when: temperature > 30",
        "+ schema weather",
        "    + name: weather",
        "    + version: 2",
        '    + sources: ["noaa-*"]',
        "- table stations",
        "    - 1",
        "+ unit of temperature of noaa-*",
        "    + sources: noaa-*",
        "    + field: temperature",
        "    + unit: degC",
        "+ labels of a/b",
        "    + site: x",
    ]


def test_long_values_and_control_characters_do_not_break_the_lines_of_a_text() -> None:
    noted = msgspec.structs.replace(HOT, note="two\nlines" + "x" * 1_000)

    [line] = diff.as_text(diff.changes(Content(rules=[HOT]), Content(rules=[noted]))).splitlines()

    assert line.startswith('~ rule hot: note:  -> "two\\nlinesxxx')
    assert len(line) < 2 * diff.MAX_SHOWN
