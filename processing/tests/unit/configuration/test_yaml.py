"""YAML of plain values: read with the place of each, and refused where it is more than that."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from processing.configuration import parsing, yaml_reader, yaml_writer
from processing.configuration.model import Configuration, SchemaConfig, SourceConfig, TableConfig
from processing.logic.content import Example, ExampleInput, ExampleOutput, RuleContent, UnitContent
from processing.logic.faults import Fault, InvalidLogic

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def refusal(text: bytes | str) -> Fault:
    with pytest.raises(InvalidLogic) as refused:
        parsing.parse(text)
    [fault] = refused.value.faults
    return fault


def test_plain_words_mean_what_yaml_1_2_says_and_nothing_else() -> None:
    text = 'a: [1, -2.5, 1e3, true, null, ~, "1", no, on, 12:30, 0x1f, 1_000, 2026-01-01, .inf]'

    [values] = yaml_reader.read(text).value.values()  # type: ignore[attr-defined]

    assert values == [
        *(1, -2.5, 1000.0, True, None, None),
        *("1", "no", "on", "12:30", "0x1f", "1_000", "2026-01-01", ".inf"),
    ]


@pytest.mark.parametrize(
    ("text", "detail", "place"),
    [
        ("a: &x 1\nb: *x", "anchors and aliases are not allowed: write the value out", (1, 4)),
        ("a: 1\nb: *x", "anchors and aliases are not allowed: write the value out", (2, 4)),
        ("a: !!python/object:os.system x", "tags are not allowed; a text stands in quotes", (1, 4)),
        ("a: 1\na: 2", "this key is there twice", (2, 1)),
        ("[1, 2]: 3", "expected a text as the key", (1, 1)),
        ("--- {}\n--- {}", "expected one document", (2, 1)),
        ("rules: [", "not YAML: did not find expected node content", (2, 1)),
        ("\trules: 1", "not YAML: found character that cannot start any token", (1, 1)),
        ("[" * 70 + "]" * 70, "expected at most 60 levels", (1, 62)),
        (b"\xff", "expected UTF-8", (0, 0)),
        ("a: \x01", "not YAML: control characters are not allowed", (0, 0)),
        ("- 1", "expected object, got array", (1, 1)),
    ],
)
def test_what_is_more_than_plain_values_is_refused_with_its_place(
    text: bytes | str, detail: str, place: tuple[int, int]
) -> None:
    fault = refusal(text)

    assert (fault.detail, (fault.line, fault.column)) == (detail, place)


def test_too_many_values_and_too_long_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "MAX_NODES", 10)
    monkeypatch.setattr(yaml_reader, "MAX_BYTES", 100)

    assert refusal("a: [1,2,3,4,5,6,7,8,9]").detail == "expected at most 10 values"
    assert refusal("#" * 101).detail == "expected at most 0 MiB"


def test_an_anchor_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [*{last}, *{last}]\n" for last, name in zip("abcdefgh", "bcdefghi", strict=True)
    )

    assert refusal(bomb).line == 1


@pytest.mark.parametrize(
    ("text", "pointer", "detail", "place"),
    [
        ("rules:\n- name: hot\n  wen: x\n", "/rules/0/wen", "unknown; did you mean when?", (3, 3)),
        ("rules:\n- name: hot\n", "/rules/0", "object missing required field actions", (2, 3)),
        ("rules:\n  - {name: hot, actions: [1]}\n", "/rules/0/actions/0", "expected str, got int", (2, 27)),
        ("source: {}\n", "/source", "unknown; did you mean sources?", (1, 1)),
        ("sources:\n  a: {labels: {b: 1}}\n", "/sources/a/labels/b", "expected str, got int", (2, 16)),
    ],
)
def test_a_typo_is_told_with_line_and_column(text: str, pointer: str, detail: str, place: tuple[int, int]) -> None:
    assert refusal(text) == Fault(pointer, detail, *place)


@pytest.mark.parametrize(
    ("text", "inner", "place"),
    [
        ('rules:\n- when: "temp > x"', (1, 8), (2, 17)),
        ("rules:\n- when: temp > x", (1, 8), (2, 16)),
        ("rules:\n- when: |\n    temp >\n    x y", (2, 3), (4, 7)),
    ],
)
def test_a_place_within_a_text_is_a_place_of_the_file(
    text: str, inner: tuple[int, int], place: tuple[int, int]
) -> None:
    document = yaml_reader.read(text)

    found = document.placed(Fault("/rules/0/when", "wrong", *inner))

    assert (found.line, found.column) == place


# Texts of what numbers are made of come up seldom among all texts.
NUMERALS = st.text("0123456789+-.eE_xo:", min_size=1, max_size=8)


@given(NUMERALS | st.sampled_from(["~", "null", "True", "no", "on", "=", "<<", "2026-01-01", ".inf", "0o7"]))
def test_a_text_that_looks_like_something_else_is_read_as_a_text(text: str) -> None:
    written = yaml_writer.dump({text: [text]})

    assert yaml_reader.read(written).value == yaml.safe_load(written) == {text: [text]}


@given(VALUES)
def test_what_is_written_is_read_as_the_same_by_this_reader_and_by_others(value: object) -> None:
    text = yaml_writer.dump({"value": value})

    assert _same(yaml_reader.read(text).value, {"value": value})
    assert _same(yaml.safe_load(text), {"value": value})


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=0)
    return type(one) is type(other) and one == other


def test_a_configuration_is_written_so_that_it_reads_well_and_is_read_as_the_same() -> None:
    example = Example(ExampleInput("noaa-1", {"t": 1}), ExampleOutput(payload={"t": 1}))
    configuration = Configuration(
        sources={"plant-1": SourceConfig(labels={"site": "north"}), "plant-2": SourceConfig(enabled=False)},
        units=[UnitContent("noaa-*", "t", "degC")],
        tables={"stations": TableConfig("id", {"id": "text"}, csv="id,name\n1,x\n")},
        schemas=[SchemaConfig("weather", ["noaa-*"], {"type": "object"})],
        rules=[RuleContent("hot", ["tag hot"], when='t > 30 and s == "x"', examples=[example])],
    )

    text = yaml_writer.write(configuration)

    assert parsing.parse(text).configuration == configuration
    assert (
        text
        == """\
# Configuration of a site: manage.py apply_config FILE
sources:
  plant-1:
    labels:
      site: north
  plant-2:
    enabled: false
units:
  - sources: noaa-*
    field: t
    unit: degC
tables:
  stations:
    key: id
    types:
      id: text
    csv: |
      id,name
      1,x
schemas:
  - name: weather
    sources:
      - noaa-*
    document:
      type: object
rules:
  - name: hot
    actions:
      - tag hot
    when: t > 30 and s == "x"
    examples:
      - input:
          sourceId: noaa-1
          payload:
            t: 1
        output:
          payload:
            t: 1
"""
    )


def test_an_empty_text_is_no_configuration_that_would_prune_everything() -> None:
    assert parsing.parse("{}").configuration == Configuration()
    for text in ("", "# nothing\n", "null"):
        assert refusal(text).detail == "expected a configuration, got nothing"
