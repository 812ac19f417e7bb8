"""Edits of a content by the names of its parts."""

from __future__ import annotations

import pytest

from processing.logic import edits
from processing.logic.content import Content, RuleContent, SchemaContent
from processing.logic.edits import UnknownRule

A, B, C = (RuleContent(name=name, actions=["tag x"]) for name in "abc")
ABC = Content(rules=[A, B, C])


def names(content: Content) -> str:
    return "".join(rule.name for rule in content.rules)


@pytest.mark.parametrize(
    ("name", "place", "order"), [("c", 1, "cab"), ("a", 2, "bac"), ("a", 99, "bca"), ("b", 0, "bac"), ("b", 2, "abc")]
)
def test_a_rule_is_moved_to_a_place(name: str, place: int, order: str) -> None:
    assert names(edits.moved(ABC, name, place)) == order


def test_a_rule_is_replaced_added_removed_and_switched() -> None:
    other = RuleContent(name="d", actions=["drop"])

    replaced = edits.with_rule(ABC, other, instead_of="b", place=1)
    added = edits.with_rule(ABC, other, instead_of="", place=4)

    assert (names(replaced.content), replaced.at) == ("dac", 0)
    assert (names(added.content), added.at) == ("abcd", 3)
    assert names(edits.without_rule(ABC, "b")) == "ac"
    assert [rule.enabled for rule in edits.switched(ABC, "b", enabled=False).rules] == [True, False, True]
    with pytest.raises(UnknownRule, match="there is no rule d"):
        edits.moved(ABC, "d", 1)


def test_schemas_keep_their_places_and_tables_their_names() -> None:
    one, two = SchemaContent("one", 1, ["*"]), SchemaContent("two", 1, ["*"])
    newer = SchemaContent("one", 2, ["*"])

    content = edits.with_schema(Content(schemas=[one, two], tables={"x": 1}), newer)

    assert content.schemas == [newer, two]
    assert edits.without_schema(content, "two").schemas == [newer]
    assert edits.with_table(content, "y", 3).tables == {"x": 1, "y": 3}
    assert edits.without_table(content, "x").tables == {}
