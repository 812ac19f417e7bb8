"""Whatever is written, reading it raises nothing but InvalidLogic, and that at once."""

from __future__ import annotations

import string
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.logic.content import RuleContent
from processing.logic.expressions.reading.parse import parse_assignment, parse_condition, parse_expression, parse_field
from processing.logic.faults import InvalidLogic
from processing.logic.rules.rule import parse_rule
from processing.tests.unit.logic import rule_strategies as some
from processing.tests.unit.logic.rule_strategies import TABLES

WORDS = [
    "a",
    "tags",
    "timestamp",
    "payload",
    "labels",
    "lower(",
    "convert(",
    "lookup(",
    "matches(",
    "in",
    "not",
    "and",
    "if",
    "else",
    "None",
    "True",
    "1",
    "1e999",
    '"',
    "'",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "==",
    "<",
    "=",
    ":=",
    "**",
    "-",
    "%",
    "lambda",
    ":",
    "{",
    "}",
    "\\",
    "#",
    ";",
    "f'",
    "b'",
    "r'",
    "\x00",
    "µ",
    "�",
    "😀",
    "'degF'",
    "await",
    "*",
    "yield",
    "set",
    "remove",
    "rename",
    "to",
    "tag",
    "reject",
    "stop",
]
_WORDS = st.sampled_from([*WORDS, "\n"])


def _bent(text: str, at: int, length: int, put: str) -> str:
    at %= len(text) + 1
    return text[:at] + put + text[at + length :]


_ANY_PLACE, _FEW = st.integers(0, 500), st.integers(0, 5)
ANYTHING = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(codec="ascii"), max_size=60),
    st.lists(_WORDS, max_size=25).map(" ".join),
    st.lists(_WORDS, max_size=25).map("".join),
    st.builds(_bent, some.conditions(2), _ANY_PLACE, _FEW, st.one_of(_WORDS, st.text(max_size=3))),
    st.builds(_bent, some.values(2), _ANY_PLACE, _FEW, st.sampled_from(string.printable)),
)


@settings(max_examples=600, deadline=None)
@given(ANYTHING)
def test_an_expression_is_read_or_refused(text: str) -> None:
    for read in (parse_expression, parse_condition, parse_assignment):
        with suppress(InvalidLogic):
            read(text, pointer="/x", tables=TABLES)
    with suppress(InvalidLogic):
        parse_field(text, pointer="/x")


@settings(max_examples=600, deadline=None)
@given(
    ANYTHING,
    st.sampled_from(["", "set ", "set a = ", "remove ", "rename ", "rename a to ", "tag ", "reject ", "drop "]),
)
def test_a_rule_is_read_or_refused(text: str, verb: str) -> None:
    content = RuleContent(name=text, when=text, actions=[verb + text], sources=[text], labels={text: text})

    with suppress(InvalidLogic):
        parse_rule(content, "/rules/0", tables=TABLES)


LONG = [
    *(
        word * 16_000
        for word in ("(", "-", "a.", "a[", "a+", "a<", "[", "{", '"', "'''", "9", "f'{", "not ", "a if ", "a,\n")
    ),
    "lower(" * 10_000,
    '"' + "\\" * 60_000,
    "1e" + "9" * 60_000,
    "0x" + "f" * 60_000,
    "\\\n" * 30_000,
    "convert(a, '" + "m*" * 30_000 + "', 'm')",
    "matches(a, '" + "(" * 900 + ")" * 90 + "')",
]


@pytest.mark.parametrize("text", LONG, ids=[text[:12] for text in LONG])
def test_a_long_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidLogic):
        parse_expression(text, pointer="/x", tables=TABLES)
