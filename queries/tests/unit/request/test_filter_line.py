"""The filter of events in one line: what is written is what was parsed, and an error names the place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.request.field_filters import FieldFilter, Number
from queries.request.filter_line import matching
from queries.request.filter_line.parsing import InvalidFilter, parse
from queries.request.filter_line.terms import FieldTerm, FilterLine, SourceTerm, TagTerm, Term, WordTerm
from queries.request.filter_line.writing import write

NOISE = st.text(alphabet='ab-:.,~=<>!"\\*5 \nsourcetaghé', max_size=40)
TEXT = st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=12)
PATH = st.lists(TEXT | st.sampled_from(["source:a", "-a", "a b", "a.b", "x=1"]), min_size=1, max_size=3).map(tuple)
VALUE = TEXT | st.sampled_from([Number("5"), Number("-1.50e3"), True, None, "5", "true", "a,b", ""])


def field(path: tuple[str, ...], operator: str, value: object) -> FieldFilter:
    return FieldFilter(path, operator, (value,))  # type: ignore[arg-type]


FILTERS = (
    st.builds(field, PATH, st.sampled_from(["eq", "ne"]), VALUE)
    | st.builds(field, PATH, st.sampled_from(["gt", "gte", "lt", "lte", "contains"]), TEXT)
    | st.builds(lambda path: FieldFilter(path, "exists", (True,)), PATH)
    | st.builds(lambda path: FieldFilter(path, "in", (Number("5"), "b c", None)), PATH)
)
TERMS: st.SearchStrategy[Term] = (
    st.builds(SourceTerm, st.sampled_from(["a", "plant-*", "*", "a:b.c"]), st.booleans())
    | st.builds(TagTerm, TEXT | st.just('a"b'), st.booleans())
    | st.builds(WordTerm, TEXT | st.sampled_from(["-a", "source:a", "a:b", "a>3", "hi!", "5"]), st.booleans())
    | st.builds(FieldTerm, FILTERS, st.booleans())
)


@given(st.lists(TERMS, max_size=8, unique=True))
def test_a_line_that_is_written_is_parsed_as_the_same(terms: list[Term]) -> None:
    line = FilterLine(tuple(terms))

    assert parse(write(line)) == line


@given(NOISE)
def test_any_text_is_a_line_or_is_refused_at_a_place_in_it(text: str) -> None:
    line, place = parsed(text)

    assert 0 <= place <= len(text)
    assert parse(write(line)) == line
    matching.passes(line, source_id="a", payload={"a": 5}, tags=["b"])


def parsed(text: str) -> tuple[FilterLine, int]:
    """Return the line, or the place of the error."""
    try:
        return parse(text), 0
    except InvalidFilter as error:
        return FilterLine(), error.at


def test_the_terms_of_a_line_are_what_they_look_like() -> None:
    line = parse('source:plant-*,hall-1 -tag:x temperature>30 status="ok" a.b!=5 late -"two words" has:n m=1,b')

    assert line.terms == (
        SourceTerm("plant-*"),
        SourceTerm("hall-1"),
        TagTerm("x", negated=True),
        FieldTerm(FieldFilter(("temperature",), "gt", (Number("30"),))),
        FieldTerm(FieldFilter(("status",), "eq", ("ok",))),
        FieldTerm(FieldFilter(("a", "b"), "ne", (Number("5"),))),
        WordTerm("late"),
        WordTerm("two words", negated=True),
        FieldTerm(FieldFilter(("n",), "exists", (True,))),
        FieldTerm(FieldFilter(("m",), "in", (Number("1"), "b"))),
    )
    assert line.patterns == frozenset({"plant-*", "hall-1"})


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("late temperature>", 17, "a value"),
        ("a==5", 2, "a value"),
        ('status="ok', 7, "a value"),
        ('"two words', 0, "a quote at the end"),
        ("a source:-x", 9, "a source id"),
        ("status:ok", 0, "source:, tag: or has:"),
        ("- late", 1, "a term after the minus"),
        ("=5", 0, "the path of a field"),
        ("a..b=5", 0, "the path of a field"),
        ("a>true", 2, "with [gt]"),
        ("a~x,y", 2, "one value"),
        ('"a"b', 3, "a space before"),
        ("tag:", 4, "the name of a tag"),
        (" ".join(f"w{n}" for n in range(30)), 70, "at most 20 terms"),
    ],
)
def test_an_error_names_its_place(text: str, at: int, expected: str) -> None:
    with pytest.raises(InvalidFilter, match="expected") as caught:
        parse(text)

    assert (caught.value.at, expected in caught.value.expected) == (at, True), caught.value.expected


def test_events_pass_as_the_line_says() -> None:
    payload = {"a": {"b": 5.0, "c": None}, "list": [1, "warm", {"x": "deep"}], "text": "Late arrival", "ok": True}

    def passes(text: str) -> bool:
        return matching.passes(parse(text), source_id="plant-7.1", payload=payload, tags=["night"])

    for text in (
        "", "source:plant-* source:other", "-source:hall-*", "tag:night -tag:day", "a.b=5 a.b>=5.00 a.b<6 a.b=4,5", "a.c=null",
        "a.c!=5", "has:a -has:d", "list~warm list~1", "text~arrival", "late", "LATE", "deep", "5", "night", "plant", "-cold",
        "-d>3", "ok=true", "list.1=warm",
    ):  # fmt: skip
        assert passes(text), text
    for text in (
        "source:hall-*", "-source:plant-7.1", "tag:day", "-tag:night", "a.b=\"5\"", "a.b!=5", "a.c=false", "d!=5", "has:d",
        "list~war", "cold", "6", "-late", "ok=1", "a.b>x", json.dumps("late  arrival"),
    ):  # fmt: skip
        assert not passes(text), text
