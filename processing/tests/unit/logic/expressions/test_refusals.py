"""What is refused when it is saved: with the place, what was expected and the nearest valid word."""

from __future__ import annotations

import pytest

from processing.logic.expressions.reading.parse import parse_condition, parse_expression
from processing.logic.faults import InvalidLogic
from processing.tests.unit.logic.rule_strategies import TABLES

REFUSED = [
    ("", 0, "expected an expression, got nothing"),
    ("  \n ", 0, "expected an expression, got nothing"),
    ("a; b", 0, "expected one expression"),
    ("a = 3", 1, "expected one expression; a comparison is written with =="),
    ("a\x00b", 0, "expected text without NUL"),
    ("a > \ud800", 0, "expected whole characters, got half a surrogate pair"),
    ("a > 1 # hot", 0, "a # begins no comment here; a rule has a note"),
    ("import os", 0, "expected one expression"),
    ("x" * (64 * 1024 + 1), 0, "expected at most 65536 bytes"),
    (" and ".join(["a == 1"] * 70), 0, "expected at most 200 names, literals and operators"),
    ("(" * 1000 + ")" * 1000, 201, "too many nested parentheses"),
    ("(" * 1100 + ")" * 1100, 0, "expected at most 200 names, literals and operators"),
    ("-" * 60 + "a", 51, "expected at most 50 levels of operators and calls"),
    (f"a == '{'x' * 16_385}'", 6, "expected a text of at most 16384 characters"),
    (
        "lower(" * 14 + "a" + ")" * 14,
        1,
        "this is too much work on texts for one expression; an action or a rule before",
    ),
    (" or ".join(["matches(a, 'x')"] * 6), 96, "this is too much work on texts for one expression"),
    (" or ".join(["contains(lower(a), 'x')"] * 6), 145, "this is too much work on texts for one expression"),
    (" or ".join(["a < b"] * 40 + ["matches(a, 'x')"] * 3), 399, "this is too much work on texts for one expression"),
    ("a && b", 4, "no operator &&; did you mean and?"),
    ("a <> b", 3, "no operator <>; did you mean !=?"),
    ("lowr(a)", 1, "no function lowr; did you mean lower?"),
    ("a > 1 and\n  lowr(a) == 'x'", (2, 3), "no function lowr; did you mean lower?"),
    ("eval('1')", 1, "no function eval; expected one of abs, between, ceil"),
    ("__import__('os')", 1, "no function __import__; expected one of"),
    ("a.lower()", 1, "only functions are called, as in lower(name)"),
    ("lower(a).x", 1, "expected the name of a field"),
    ("'a'.upper", 1, "expected the name of a field"),
    ("a[0]", 1, 'expected a key in quotes, as in payload["odd key"]'),
    ("a[b]", 1, 'expected a key in quotes, as in payload["odd key"]'),
    ("payload", 1, "expected a field of the payload, as in payload.temperature"),
    ("labels", 1, "expected labels and one name, as in labels.site"),
    ("labels.a.b == 'x'", 1, "expected labels and one name, as in labels.site"),
    ("source.x == 'x'", 1, "source has no parts; a field of this name is payload.source"),
    ("true and a", 1, 'no field is named so without payload["true"]; did you mean True?'),
    ("µ > 3", 1, 'Python reads such letters as others; the key is written in quotes, as in payload["…"]'),
    ("site.µ > 3", 1, 'Python reads such letters as others; the key is written in quotes, as in payload["…"]'),
    (".".join("a" * 33), 1, "expected at most 32 levels of objects"),
    (f'payload["{"k" * 257}"]', 1, "expected keys of at most 256 characters"),
    ("a ** 2", 1, "there are no powers"),
    ("a is None", 1, "`is` is written as ==, and `is not None` as exists(FIELD)"),
    ("a @ b", 1, "MatMult is no part of this language"),
    ("a | b", 1, "BitOr is no part of this language"),
    ("~a", 1, "UnaryOp is no part of this language"),
    ("f'{a}'", 1, "texts in texts are written with +"),
    ("[x for x in a]", 1, "ListComp is no part of this language"),
    ("lambda: a", 1, "Lambda is no part of this language"),
    ("(a := 3)", 2, "nothing is assigned here; a comparison is written with =="),
    ("{'a': 1}", 1, "Dict is no part of this language"),
    ("(1, 2)", 1, "a list of values stands behind `in` alone"),
    ("a[1:2]", 1, 'expected a key in quotes, as in payload["odd key"]'),
    ("max(*a)", 5, "Starred is no part of this language"),
    ("max(a, b, key=c)", 1, "max takes no named arguments"),
    ("9223372036854775808", 1, "expected an integer of 64 bits, a decimal, a text, True, False or None"),
    ("--9223372036854775808", 1, "expected an integer of 64 bits, a decimal, a text, True, False or None"),
    ("1e400", 1, "expected an integer of 64 bits, a decimal, a text, True, False or None"),
    ("9" * 5000, 1, "Exceeds the limit"),
    ("1j", 1, "expected an integer of 64 bits, a decimal, a text, True, False or None"),
    ("b'x'", 1, "expected an integer of 64 bits, a decimal, a text, True, False or None"),
    ("...", 1, "expected an integer of 64 bits, a decimal, a text, True, False or None"),
    ('a == "\\d"', 6, 'write a text with a backslash as r"…", or the backslash twice'),
    ('a == "\\x00"', 6, "expected text without NUL"),
    ('a == "\\ud800"', 6, "expected whole characters, got half a surrogate pair"),
    ("lower(3)", 7, "lower takes a text, got a number"),
    ("lower(a > 1)", 7, "lower takes a text, got a boolean"),
    ("lower()", 1, "lower takes 1 argument, got 0"),
    ("max(a)", 1, "max takes 2 to 20 arguments, got 1"),
    ('"a" - 1', 1, "- takes a number, got a text"),
    ('"a" * 3', 1, "* takes a number, got a text"),
    ('"a" + 1', 1, "+ takes a text, got a number"),
    ("-'a'", 1, "- takes a number, got a text"),
    ("timestamp + 1", 1, "+ takes a number, got a time"),
    ('"a" < 1', 1, "a text is never compared with a number"),
    ("True < False", 1, "booleans have no order for <"),
    ("a == None", 1, "nothing equals None; exists(FIELD) is true where there is a field"),
    ("tags > 3", 1, "the tags can't be compared"),
    ("timestamp > 3", 1, 'a time is never compared with a number; a time is written as "2025-04-11T12:00:00Z"'),
    ("timestamp > a", 1, "is never compared with"),
    ("timestamp > 'noon'", 1, "expected a time with a zone, as in 2025-04-11T12:00:00Z"),
    ("timestamp > '2025-02-30T00:00:00Z'", 1, "expected a time with a zone"),
    ("a in b", 6, "`in` takes values in parentheses, or tags; contains(FIELD, VALUE) searches a field"),
    ("a in 'abc'", 6, "`in` takes values in parentheses, or tags; contains(FIELD, VALUE) searches a field"),
    ("a in ()", 1, "expected numbers alone or texts alone behind `in`"),
    ("a in (1, 'x')", 1, "expected numbers alone or texts alone behind `in`"),
    ("a in (1, b)", 1, "expected numbers or texts as they are behind `in`"),
    ("'x' in (1, 2)", 1, "a text is never one of these, each a number"),
    ("3 in tags", 1, "in tags takes a text, got a number"),
    ("1 and a", 1, "and takes a boolean, got a number"),
    ("not 'x'", 1, "not takes a boolean, got a text"),
    ("1 if 2 else 3", 1, "if takes a boolean, got a number"),
    ("timestamp if a else 3", 1, "a time and a number can't be alternatives"),
    ("exists(3)", 8, "exists takes a field or a label"),
    ("coalesce(timestamp, a)", 1, "coalesce takes a number, a text or a boolean"),
    ("hour(a)", 6, "hour takes a time, got a field"),
    ("round(a, b)", 10, "expected a number of digits from 0 to 15"),
    ("round(a, 16)", 10, "expected a number of digits from 0 to 15"),
    ("matches(a, b)", 12, "matches takes a pattern in quotes here"),
    ("matches(a, '[')", 12, "missing ]"),
    (r"matches(a, r'(a)\1')", 12, "invalid escape sequence"),
    ("matches(a, '(?=a)b')", 12, "invalid perl operator"),
    ("matches(a, '(((a{99}){99}){99})')", 12, "invalid repetition size"),
    (
        "matches(a, '(a{99}){9}(b{99}){9}(c{99}){9}(d{99}){9}(e{99}){9}(f{99}){9}(g{99}){9}(h{99}){9}(i{99}){9}(j{99}){9}(k{99}){9}(l{99}){9}')",
        12,
        "the pattern repeats too much",
    ),
    (f"matches(a, '{'x' * 1001}')", 12, "expected a pattern of at most 1000 characters"),
    ("convert(a, b, 'm')", 12, "convert takes a unit in quotes here"),
    ("convert(a, 'degf', 'degC')", 12, "no unit degf; did you mean degF?"),
    ("convert(a, 'celcius', 'degF')", 12, "no unit celcius; did you mean celsius?"),
    ("convert(a, 'degF', 'm/s')", 1, "degF is [temperature], m/s is [length] [time]^-1"),
    ("convert(a, 'W', 'dBm')", 1, "W can't be converted to dBm by a factor and an offset"),
    ("convert(a, 'm**9**9', 'm')", 12, "expected names of units"),
    ("convert(a, '', 'm')", 12, "expected names of units"),
    ("lookup('station', a, 'name')", 8, "no table station; did you mean stations?"),
    ("lookup('stations', a, 'nme')", 23, "no column nme in stations; did you mean name?"),
    ("lookup('stations', a, 'xyz')", 23, "no column xyz in stations; expected one of height, name, open, station"),
    ("lookup('stations', 3, 'name')", 20, "the key of stations is a text, got a number"),
    ("lookup(a, a, 'name')", 8, "lookup takes a table in quotes here"),
]


@pytest.mark.parametrize(
    ("text", "place", "detail"), REFUSED, ids=[f"{index} {text[:40]!r}" for index, (text, _, _) in enumerate(REFUSED)]
)
def test_it_is_refused_with_its_place(text: str, place: int | tuple[int, int], detail: str) -> None:
    with pytest.raises(InvalidLogic) as refused:
        parse_expression(text, pointer="/rules/0/when", tables=TABLES)

    [fault] = refused.value.faults
    line, column = place if isinstance(place, tuple) else (1 if place else 0, place)
    assert (fault.pointer, fault.line, fault.column) == ("/rules/0/when", line, column)
    assert fault.detail.startswith(detail) or detail in fault.detail


def test_a_condition_may_be_true() -> None:
    with pytest.raises(InvalidLogic, match="a condition takes a boolean, got a number"):
        parse_condition("a + 1", pointer="/when", tables={})


def test_without_a_table_it_is_said() -> None:
    with pytest.raises(InvalidLogic, match="no table stations; there is no table yet"):
        parse_condition("lookup('stations', a, 'open')", pointer="/when", tables={})


def test_columns_are_of_characters_not_bytes() -> None:
    with pytest.raises(InvalidLogic) as refused:
        parse_expression('payload["é😀"] == "é" and lowr(a) == ""', pointer="", tables={})

    [fault] = refused.value.faults
    assert fault.column == 'payload["é😀"] == "é" and lowr'.index("lowr") + 1
