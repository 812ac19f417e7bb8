"""What is wrong with a content is all told at once, with its place; examples run through the whole logic."""

from __future__ import annotations

import msgspec
import pytest

from ingestion.models import Source
from processing.logic.content import (
    Content,
    Example,
    ExampleInput,
    ExampleOutput,
    RuleContent,
    SchemaContent,
    UnitContent,
)
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.revisions import checking, versions
from processing.logic.tables.lookup_table import LookupTable

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("emptied_site")]

HOT = RuleContent(name="hot", when="temperature > 30", actions=["tag hot"])
WEATHER = {"type": "object", "properties": {"temperature": {"type": "number", "maximum": 60}}}


def faults(content: Content, **options: object) -> list[Fault]:
    try:
        checking.check(content, **options)  # type: ignore[arg-type]
    except InvalidLogic as error:
        return error.faults
    return []


def with_example(rule: RuleContent, payload: dict[str, object], output: ExampleOutput, **more: object) -> RuleContent:
    given = ExampleInput(**{"source_id": "plant-1", "payload": payload, **more})  # type: ignore[arg-type]
    return msgspec.structs.replace(rule, examples=[Example(given, output)])


def test_every_fault_is_told_at_once_with_its_place() -> None:
    Source.objects.create(source_id="plant-7")
    content = Content(
        rules=[
            RuleContent(name="a", when="temperatur >", actions=["tagg hot", 'set x = lookup("stations", id, "name")']),
            RuleContent(name="b", sources=["plnt-7"], actions=["tag b"]),
            RuleContent(name="c", labels={"site": "north"}, actions=["tag c"]),
        ],
        schemas=[SchemaContent(name="weather", version=1, sources=["*"])],
        tables={"station": 3},
        units=[UnitContent(sources="*", field="temperature", unit="degX")],
    )

    found = faults(content)

    assert [fault.pointer for fault in found] == [
        *("/schemas/0", "/tables/station"),
        *("/rules/0/when", "/rules/0/actions/0", "/rules/0/actions/1"),
        *("/units/0/unit", "/rules/1/sources/0", "/rules/2/labels"),
    ]
    assert found[0].detail == "there is no schema weather"
    assert found[6].detail == "plnt-7 matches no source; did you mean plant-7?"
    assert found[7].detail == "no source has the labels site=north"


def test_a_version_that_is_not_there_is_named_with_the_newest() -> None:
    versions.save_schema("weather", WEATHER, who="ann")
    versions.save_table("stations", LookupTable.from_csv("id,name\n1,x\n", "id"), who="ann")
    use = SchemaContent(name="weather", version=2, sources=["*"])

    found = faults(Content(schemas=[use], tables={"stations": 4, "station": 1}))

    assert [fault.detail for fault in found] == [
        "the schema weather has no version 2; the newest is 1",
        "the lookup table stations has no version 4; the newest is 1",
        "there is no lookup table station; did you mean stations?",
    ]


def test_sources_without_events_are_refused_unless_they_are_allowed_or_were_named_before() -> None:
    content = Content(rules=[msgspec.structs.replace(HOT, sources=["plant-*", "*"])])

    assert [fault.pointer for fault in faults(content)] == ["/rules/0/sources/0"]
    assert faults(content, allow_unmatched=True) == []
    assert faults(content, base=content) == []


def test_an_id_is_no_pattern_even_if_it_looks_like_one() -> None:
    Source.objects.create(source_id="plantX7")
    named = [RuleContent(name=name, sources=[name], actions=["tag a"]) for name in ("plant_7", "plant_*", "plant*")]

    assert [fault.pointer for fault in faults(Content(rules=named))] == ["/rules/0/sources/0", "/rules/1/sources/0"]


def test_an_example_that_comes_out_as_expected_is_no_fault() -> None:
    rule = RuleContent(name="f", actions=['set t = convert(temperature, "degF", "degC")', "tag a", "tag b"])
    output = ExampleOutput(payload={"temperature": 86, "t": 30}, tags=["b", "a"])

    assert faults(Content(rules=[with_example(rule, {"temperature": 86}, output)])) == []


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (ExampleOutput(payload={"temperature": 31}), ("/tags", 'expected [], got ["hot"]')),
        (
            ExampleOutput(payload={"temperature": 32, "x": [1]}, tags=["hot"]),
            ("/payload/temperature", "expected 32, got 31"),
        ),
        (ExampleOutput(payload={"temperature": True}, tags=["hot"]), ("/payload/temperature", "expected true, got 31")),
        (ExampleOutput(payload={}, tags=["hot"]), ("/payload/temperature", "expected nothing, got 31")),
        (ExampleOutput(rejected="too hot"), ("/rejected", 'expected "too hot", got nothing')),
        (ExampleOutput(dropped=True), ("/dropped", "expected true, got nothing")),
    ],
)
def test_an_example_that_comes_out_otherwise_is_a_fault_with_the_difference(
    output: ExampleOutput, expected: tuple[str, str]
) -> None:
    found = faults(Content(rules=[with_example(HOT, {"temperature": 31}, output)]))

    assert (found[0].pointer, found[0].detail) == (f"/rules/0/examples/0/output{expected[0]}", expected[1])


def test_an_example_goes_through_all_rules_and_schemas() -> None:
    version = versions.save_schema("weather", WEATHER, who="ann").version
    enforced = SchemaContent(name="weather", version=version, sources=["*"], mode="enforce")
    early = RuleContent(name="early", when="temperature > 50", actions=['reject "too hot"'])
    rejected = with_example(HOT, {"temperature": 55}, ExampleOutput(rejected="too hot"))
    violating = with_example(HOT, {"temperature": 70}, ExampleOutput(dropped=True))

    assert faults(Content(rules=[early, rejected], schemas=[enforced])) == []
    [dropped, violated, *_] = faults(Content(rules=[early, violating], schemas=[enforced]))
    assert dropped.detail == "expected true, got nothing"
    assert "version 1: /temperature" in violated.detail


def test_an_example_brings_its_labels_along() -> None:
    rule = RuleContent(name="where", when='labels.site == "north"', actions=["set where = labels.site"])
    north = with_example(rule, {}, ExampleOutput(payload={"where": "north"}), labels={"site": "north"})
    nowhere = msgspec.structs.replace(with_example(rule, {}, ExampleOutput(payload={})), name="nowhere")

    assert faults(Content(rules=[north, nowhere])) == []


def test_an_example_that_is_no_event_is_a_fault() -> None:
    rules = [
        with_example(HOT, {"temperature": 31}, ExampleOutput(dropped=True), **more)
        for more in ({"source_id": "a b"}, {"timestamp": "noon"}, {"received": "noon"})
    ]
    named = [msgspec.structs.replace(rule, name=f"r{index}") for index, rule in enumerate(rules)]

    found = faults(Content(rules=named))

    assert [fault.pointer for fault in found] == [
        f"/rules/{index}/examples/0/input/{member}"
        for index, member in enumerate(("sourceId", "timestamp", "received"))
    ]


def test_examples_of_a_disabled_rule_do_not_run() -> None:
    paused = msgspec.structs.replace(with_example(HOT, {}, ExampleOutput(dropped=True)), enabled=False)

    assert faults(Content(rules=[paused])) == []


def test_a_rule_is_checked_in_its_place_in_the_list() -> None:
    drop = RuleContent(name="drop", when="temperature > 100", actions=["drop"])
    within = Content(rules=[drop, HOT])
    dropped = with_example(HOT, {"temperature": 101}, ExampleOutput(dropped=True))
    wrong = msgspec.structs.replace(HOT, when="temperature >")

    checking.check_rule(dropped, within=within)
    with pytest.raises(InvalidLogic) as refused:
        checking.check_rule(wrong, within=within)

    assert [fault.pointer for fault in refused.value.faults] == ["/when"]
    with pytest.raises(InvalidLogic):
        checking.check_expression("temperature >", "", within=within)


# --- versions of schemas and tables ---


def test_another_document_becomes_the_next_version_and_the_same_one_none() -> None:
    other = {**WEATHER, "required": ["temperature"]}

    numbers = [versions.save_schema("weather", document, who="ann").version for document in (WEATHER, other, WEATHER)]

    assert numbers == [1, 2, 1]
    assert versions.save_schema("climate", WEATHER, who="ann").version == 1


def test_other_rows_of_a_table_become_the_next_version_and_the_same_ones_none() -> None:
    texts = ["id,name\n1,x\n", "id,name\n1,y\n", "id,name\n1,x\n"]

    saved = [versions.save_table("stations", LookupTable.from_csv(text, "id"), who="ann") for text in texts]

    assert [row.version for row in saved] == [1, 2, 1]
    assert (saved[1].rows, saved[1].key) == (1, "id")
    assert saved[1].columns == [{"name": "id", "type": "number"}, {"name": "name", "type": "text"}]


@pytest.mark.parametrize("name", ["", "a b", "../a", "x" * 65, "é"])
def test_a_name_that_cant_stand_in_an_address_is_refused(name: str) -> None:
    with pytest.raises(InvalidLogic) as refused:
        versions.save_schema(name, WEATHER, who="ann")

    assert refused.value.faults[0].pointer == "/name"
