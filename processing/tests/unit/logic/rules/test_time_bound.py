"""An expression takes a millisecond of an event at most, however long the texts of the event are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing.logic.expressions.functions import MAX_LOOKED_UP
from processing.logic.expressions.values import MAX_TEXT
from processing.logic.faults import InvalidLogic
from processing.logic.rules.program import Program
from processing.tests.unit.logic import rule_strategies as some
from processing.tests.unit.logic.rules.programs import RECEIVED, SOURCE, TIME, program, rule, run_one

LIMIT = 0.001  # seconds an event, of CPU time
RUNS = 9
LARGEST = 256 * 1024  # bytes of an event

# Sigma has another form at the end of a word; these three capitals grow; Python keeps the rest in 1, 2 or 4 bytes a character.
UNITS = ["aB", "A", "İß", "Σ'", "ΐ", "漢", "😀", " ", "\u00a0", "\u2003", "é", "ab1 "]
LENGTHS = [MAX_LOOKED_UP, MAX_TEXT, 2_400, MAX_TEXT + 1, 60_000]


def long_text(unit: str, length: int, end: str = "") -> str:
    return (unit * (length // len(unit) + 1))[: length - len(end)] + end


TEXTS = st.builds(
    long_text, st.sampled_from(UNITS), st.sampled_from(LENGTHS), st.sampled_from(["", "漢", "😀", "!", "B"])
).filter(lambda text: len(text.encode()) <= LARGEST // 4)
PAYLOADS = st.fixed_dictionaries(dict.fromkeys("abcd", TEXTS))


def seconds(compiled: Program, values: dict[str, object], *, runs: int = RUNS) -> float:
    """Return the median of several runs, so that a busy machine does not count."""
    took = []
    for _ in range(runs):
        start = time.process_time()
        run_one(compiled, values, SOURCE, TIME, RECEIVED, ())
        took.append(time.process_time() - start)
    return statistics.median(took)


def as_many_as_fit(text_of: Callable[[int], str]) -> str:
    """Return the longest expression of a form that is not refused."""
    longest = ""
    for count in range(1, 200):
        try:
            rule(f"set result = {text_of(count)}")
        except InvalidLogic:
            return longest
        longest = text_of(count)
    raise AssertionError(f"without bound: {longest[:60]}")


def _joined(part: str, operator: str) -> Callable[[int], str]:
    return lambda count: operator.join([part] * count)


def _nested(*functions: str) -> Callable[[int], str]:
    def text_of(count: int) -> str:
        names = [functions[index % len(functions)] for index in range(count)]
        return "(".join([*names, "a"]) + ")" * count

    return text_of


FORMS = {
    "lower": _nested("lower"),
    "upper": _nested("upper"),
    "upper and lower": _nested("upper", "lower", "trim"),
    "trim": _nested("trim"),
    "lower of four fields": _joined("exists(x) or lower(a) > lower(b) or lower(c) > lower(d)", " or "),
    "a part that is looked for": _joined("contains(a, b)", " or "),
    "a word that is looked for": _joined("contains(a, 'AAAAAB')", " or "),
    "a lower word": _joined("contains(lower(a), 'aaaaab')", " or "),
    "a pattern": _joined("matches(a, '(A+)+$|x$')", " or "),
    "beginnings": _joined("starts_with(a, b)", " or "),
    "ends": _joined("ends_with(a, b)", " or "),
    "sums": _joined("a", " + "),
    "order": _joined("a < b", " or "),
    "between": _joined("between(a, b, c)", " or "),
    "equality": _joined("a != b", " and "),
    "texts": _nested("text"),
    "the first that is known": _joined("coalesce(a, b) == c", " or "),
    "choices": _joined("(a if a == b else c) == d", " or "),
}
FULL = {name: as_many_as_fit(text_of) for name, text_of in FORMS.items()}
# Two texts of as many bytes as an event can have, and parts that are nearly in them.
HARD: dict[str, dict[str, object]] = {
    **{
        f"{length} times {unit!r}": {
            "a": long_text(unit, length, "z"),
            "b": long_text(unit, length - 2, "B"),
            "c": long_text(unit, length, "y"),
            "d": long_text(unit, length - 1, "x"),
        }
        for unit in UNITS
        for length in (MAX_LOOKED_UP, MAX_TEXT)
    },
    "parts of half the length": {
        "a": "A" * MAX_TEXT,
        "b": "A" * 7_000 + "B" + "A" * 8_000,
        "c": "A" * 16_000,
        "d": "A",
    },
    "a part that nearly fills it": {"a": "A" * MAX_TEXT, "b": "A" * 7_000 + "B" + "A" * 7_000, "c": "A", "d": "A"},
    "a part that fills a short one": {"a": "A" * 2_499, "b": "A" * 600 + "B" + "A" * 600, "c": "A", "d": "A"},
    "parts of 99": {"a": "A" * MAX_TEXT, "b": "A" * 49 + "B" + "A" * 49, "c": "A", "d": "A"},
    "parts of 10": {"a": "漢" * MAX_TEXT, "b": "漢" * 5 + "B" + "漢" * 4, "c": "A", "d": "A"},
    "texts of 120 KiB that are equal": {"a": "é" + "A" * 120_000, "b": "é" + "A" * 119_999 + "A", "c": "", "d": ""},
    "texts of 120 KiB in characters of 4 bytes": {
        "a": "😀" + "A" * 120_000,
        "b": "A" * 120_000 + "😀",
        "c": "",
        "d": "",
    },
    "a long list": {"a": [True] * 1_000, "b": 1, "c": [1.5] * 20_000, "d": 2.5},
}


@pytest.mark.parametrize(
    ("part", "documented"),
    [
        ("matches(a, 'x')", 5),
        ("contains(a, 'x')", 8),
        ("lower(a) == 'x'", 13),
        ("upper(a) == 'x'", 13),
        ("trim(a) == 'x'", 32),
        ("a < 'x'", 66),  # more have too many nodes
    ],
)
def test_as_many_functions_fit_as_is_documented(part: str, documented: int) -> None:
    assert as_many_as_fit(_joined(part, " or ")) == " or ".join([part] * documented)


@pytest.mark.alone
@pytest.mark.parametrize("name", FULL)
def test_as_many_functions_as_fit_take_no_longer_than_a_millisecond(name: str) -> None:
    compiled = program(rule(f"set result = {FULL[name]}"))

    slow = {event: took for event, values in HARD.items() if (took := seconds(compiled, values)) > LIMIT}

    assert slow == {}


@pytest.mark.alone
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(some.values(4), PAYLOADS)
def test_no_expression_takes_longer_than_a_millisecond_of_long_texts(text: str, values: dict[str, object]) -> None:
    try:
        compiled = program(rule(f"set result = {text}"))
    except InvalidLogic:
        return

    assert seconds(compiled, values) < LIMIT


@given(st.text("AB漢", max_size=200), st.sampled_from([1, 40]), st.integers(0, 9_000), st.integers(1, 3_000))
def test_a_part_is_found_where_python_finds_it(unit: str, times: int, at: int, length: int) -> None:
    value = unit * times
    for looked_for in (unit, value[at : at + length], f"{value[at:]} ", f"{value} ", f"{value[-at:]}A"):
        compiled = program(rule("tag found", when="contains(a, b)"))
        result = run_one(compiled, {"a": value, "b": looked_for}, SOURCE, TIME, RECEIVED, ())

        assert (result is not None) == (looked_for in value)
