"""The form of a content: names, numbers of parts, texts."""

from __future__ import annotations

import pytest

from processing.logic.content import (
    Content,
    Example,
    ExampleInput,
    ExampleOutput,
    RuleContent,
    SchemaContent,
    UnitContent,
)
from processing.logic.revisions.checks import form


def rule(name: str = "hot", **members: object) -> RuleContent:
    return RuleContent(**{"name": name, "actions": ["tag hot"], **members})  # type: ignore[arg-type]


def schema(name: str = "weather", sources: tuple[str, ...] = ("*",)) -> SchemaContent:
    return SchemaContent(name=name, version=1, sources=list(sources))


def example(output: ExampleOutput) -> Example:
    return Example(ExampleInput(source_id="a", payload={}), output)


UNIT = UnitContent(sources="*", field="temperature", unit="degC")


@pytest.mark.parametrize(
    ("content", "pointers"),
    [
        (Content(rules=[rule("hot above 30"), rule("b-2")], schemas=[schema()], tables={"t.1": 1}, units=[UNIT]), []),
        (Content(rules=[rule(), rule("cold"), rule()]), ["/rules/2/name"]),
        (Content(rules=[rule(str(number)) for number in range(201)]), ["/rules"]),
        (Content(schemas=[schema("a", ("ok-*", "a*b"))]), ["/schemas/0/sources/1"]),
        (Content(rules=[rule(note="x" * 2_001)]), ["/rules/0/note"]),
        (Content(rules=[rule(examples=[example(ExampleOutput())])]), ["/rules/0/examples/0/output"]),
        (Content(rules=[rule(examples=[example(ExampleOutput(payload={}, dropped=True))])]), ["/rules/0/examples/0/output"]),
        (Content(rules=[rule(examples=[example(ExampleOutput(rejected="why"))])]), []),
        (Content(schemas=[schema("a b"), schema("c", ())]), ["/schemas/0/name", "/schemas/1/sources"]),
        (Content(schemas=[schema(), schema()]), ["/schemas/1/name"]),
        (Content(tables={"a/b": 1}), ["/tables/a~1b"]),
        (Content(units=[UNIT, UNIT]), ["/units/1"]),
        (Content(units=[UnitContent(sources="a*b", field="", unit="degC")]), ["/units/0/sources", "/units/0/field"]),
    ],
)  # fmt: skip
def test_every_wrong_form_is_named_with_its_place(content: Content, pointers: list[str]) -> None:
    assert [fault.pointer for fault in form.faults(content)] == pointers


def test_texts_that_postgresql_cant_hold_are_found_wherever_they_are() -> None:
    inner = ExampleInput(source_id="a", payload={"a": {"b": ["\ud800"]}, "k\0": 1})
    content = Content(rules=[rule(note="\0", examples=[Example(inner, ExampleOutput(dropped=True))])])

    found = [fault.pointer for fault in form.unstorable(content)]

    payload = "/rules/0/examples/0/input/payload"
    assert found == ["/rules/0/note", f"{payload}/a/b/0", f"{payload}/k\0"]


def test_a_content_over_four_mebibytes_is_refused() -> None:
    large: dict[str, object] = {"text": "x" * 300_000}
    examples = [Example(ExampleInput(source_id="a", payload=large), ExampleOutput(dropped=True))] * 15

    [fault] = form.unstorable(Content(rules=[rule(examples=examples)]))

    assert fault.detail == "all together is over 4,194,304 bytes"
