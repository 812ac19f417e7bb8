"""Random expressions, rules and events, for the property tests: most can be read, and most comparisons have a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from hypothesis import strategies as st

from processing.logic.content import RuleContent
from processing.logic.tables.lookup_table import LookupTable

Text = st.SearchStrategy[str]

STATIONS = LookupTable.from_csv("station,name,height,open\nA1,Harbour,12.5,true\nB2,Hill,300,false\nC3,,,\n", "station")
FLOORS = LookupTable.from_csv("floor,name\n1,ground\n2,first\n2.5,gallery\n", "floor")
TABLES = {"stations": STATIONS, "floors": FLOORS}

NAMES = ["a", "b", "c", "d", "o.p", "o.q.r", 'payload["odd key"]', "payload.tags"]
FIELDS = [*NAMES, "missing", "a.b"]
_NUMBERS = [
    "0",
    "1",
    "2",
    "-1",
    "25",
    "2.5",
    "0.0",
    "-0.0",
    "1e308",
    "9223372036854775807",
    "-9223372036854775808",
    "3.0",
]
_TEXTS = ['""', '"ok"', '"A1"', '"OK"', '" x "', '"12"', '"é😀"', '"2025-04-11T12:00:00Z"', "'it'"]
_TIMES = ["timestamp", "received"]
_TIME_TEXTS = ['"2025-04-11T12:00:00Z"', '"1970-01-01T00:00:00+01:00"']

PATHS: list[tuple[str, ...]] = [("a",), ("b",), ("c",), ("d",), ("o", "p"), ("o", "q", "r"), ("odd key",), ("tags",)]

_SCALARS: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 30),
    st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 2.5, 25.0, 1.7976931348623157e308, 5e-324]),
    st.sampled_from(["", "ok", "A1", "OK", "B2", " x ", "12", "é😀", "1e3"]),
    # On both sides of the bounds of texts.
    st.sampled_from(["x" * 70_000, "x" * 16_384, "x" * 16_383 + "y", "É" * 4_096, "É" * 4_097, "x" * 16_385]),
    st.text(max_size=5).filter(lambda text: text.encode("utf-8", "ignore").decode() == text),
)
VALUES = st.one_of(
    _SCALARS, _SCALARS, st.lists(_SCALARS, max_size=3), st.dictionaries(st.sampled_from(["p", "q", "r"]), _SCALARS)
)


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, object]:
    """Return a payload with some of the fields that expressions name."""
    values: dict[str, object] = {}
    for path in PATHS:
        if not draw(st.booleans()):
            continue
        around = values
        for key in path[:-1]:
            inner = around.setdefault(key, {})
            if not isinstance(inner, dict):
                break
            around = inner
        else:
            around[path[-1]] = draw(VALUES)
    return values


def _call(name: str, *arguments: Text) -> Text:
    return st.tuples(*arguments).map(lambda parts: f"{name}({', '.join(parts)})")


def _joined(operators: list[str], left: Text, right: Text) -> Text:
    return st.tuples(left, st.sampled_from(operators), right).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})")


def _chosen(what: Text, conditions: Text) -> Text:
    return st.tuples(what, conditions, what).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})")


_FIELD = st.sampled_from(FIELDS)


@cache
def _numbers(depth: int) -> Text:
    flat = st.one_of(_FIELD, _FIELD, st.sampled_from(_NUMBERS))
    if depth == 0:
        return flat
    inner = st.deferred(lambda: _numbers(depth - 1))
    texts = st.deferred(lambda: _texts(depth - 1))
    return st.one_of(
        flat,
        _joined(["+", "-", "*", "/", "//", "%"], inner, inner),
        inner.map(lambda part: f"(-{part})"),
        st.tuples(st.sampled_from(["abs", "floor", "ceil", "round", "sqrt", "log", "exp", "number"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
        _call("round", inner, st.integers(0, 15).map(str)),
        _call("min", inner, inner),
        _call("max", inner, inner, inner),
        _call("len", texts),
        _call("number", texts),
        _call("convert", inner, st.just('"degF"'), st.just('"degC"')),
        _call("convert", inner, st.just('"km/h"'), st.just('"m/s"')),
        _call("lookup", st.just('"stations"'), texts, st.just('"height"')),
        _call("coalesce", inner, inner),
        st.sampled_from(["hour(timestamp)", "weekday(received)", "number(timestamp)", "(received - timestamp)"]),
        st.just("len(tags)"),
        _chosen(inner, st.deferred(lambda: conditions(depth - 1))),
    )


@cache
def _texts(depth: int) -> Text:
    flat = st.one_of(_FIELD, st.sampled_from(_TEXTS), st.sampled_from(["source", "labels.site", "labels.none"]))
    if depth == 0:
        return flat
    inner = st.deferred(lambda: _texts(depth - 1))
    numbers = st.deferred(lambda: _numbers(depth - 1))
    return st.one_of(
        flat,
        _joined(["+"], inner, inner),
        st.tuples(st.sampled_from(["lower", "upper", "trim", "text"]), inner).map(lambda each: f"{each[0]}({each[1]})"),
        _call("text", numbers),
        _call("coalesce", inner, inner, inner),
        _call("lookup", st.just('"stations"'), inner, st.just('"name"')),
        _call("lookup", st.just('"floors"'), numbers, st.just('"name"')),
        st.just("text(timestamp)"),
        _chosen(inner, st.deferred(lambda: conditions(depth - 1))),
    )


_COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]


@cache
def conditions(depth: int) -> Text:
    """Return texts of conditions."""
    flat = st.sampled_from([*FIELDS, "True", "False", "exists(a)", "exists(o.p)", "exists(labels.site)"])
    if depth == 0:
        return flat
    inner = st.deferred(lambda: conditions(depth - 1))
    numbers = st.deferred(lambda: _numbers(depth - 1))
    texts = st.deferred(lambda: _texts(depth - 1))
    return st.one_of(
        _joined(_COMPARISONS, numbers, numbers),
        _joined(_COMPARISONS, texts, texts),
        _joined(_COMPARISONS, _FIELD, _FIELD),
        _joined(["==", "!="], inner, inner),
        _joined(_COMPARISONS, st.sampled_from(_TIMES), st.sampled_from([*_TIMES, *_TIME_TEXTS])),
        st.tuples(numbers, numbers, numbers).map(lambda parts: f"({parts[0]} < {parts[1]} <= {parts[2]})"),
        _joined(["and", "or"], inner, inner),
        inner.map(lambda part: f"(not {part})"),
        _joined(["in", "not in"], texts, st.sampled_from(['("ok", "A1")', '["x"]', str(tuple("abcdefghijk"))])),
        _joined(["in", "not in"], numbers, st.sampled_from(["(1, 2.5)", "(25,)", str(tuple(range(12)))])),
        _joined(["in", "not in"], inner, st.just("(True,)")),
        _joined(["in", "not in"], texts, st.just("tags")),
        _call("contains", st.one_of(texts, st.just("tags")), texts),
        _call("contains", _FIELD, numbers),
        _call("starts_with", texts, texts),
        _call("ends_with", texts, texts),
        _call("matches", texts, st.sampled_from(['r"^[A-Z]\\d$"', '"o"', '"(?i)ok"'])),
        _call("between", numbers, numbers, numbers),
        _call("lookup", st.just('"stations"'), texts, st.just('"open"')),
        _call("coalesce", inner, inner),
        _chosen(inner, inner),
    )


@cache
def values(depth: int) -> Text:
    """Return texts of expressions of any kind."""
    return st.one_of(_numbers(depth), _texts(depth), conditions(depth), st.just("timestamp"))


_TARGETS = st.sampled_from([*NAMES, "new", "new.deep.er"])
_TAGS = st.sampled_from(["hot", "cold", "t.1", *(f"t{number}" for number in range(30))])


@cache
def _actions() -> Text:
    return st.one_of(
        st.tuples(_TARGETS, values(2)).map(lambda parts: f"set {parts[0]} = {parts[1]}"),
        st.tuples(_TARGETS, values(2)).map(lambda parts: f"set {parts[0]} = {parts[1]}"),
        _TARGETS.map(lambda target: f"remove {target}"),
        st.tuples(_TARGETS, _TARGETS).map(lambda parts: f"rename {parts[0]} to {parts[1]}"),
        _TAGS.map(lambda tag: f"tag {tag}"),
        _TAGS.map(lambda tag: f"untag {tag}"),
    )


_ENDINGS = st.sampled_from([[], [], [], [], ['reject "no"'], ["drop"], ["stop"]])


@st.composite
def rule_lists(draw: st.DrawFn) -> list[RuleContent]:
    """Return some rules, each with a name of its own."""
    contents = []
    for index in range(draw(st.integers(1, 5))):
        actions = draw(st.lists(_actions(), max_size=3)) + draw(_ENDINGS)
        when = draw(st.one_of(st.just(""), conditions(1), conditions(3), conditions(3)))
        contents.append(RuleContent(name=f"rule {index}", when=when, actions=actions or ["tag plain"]))
    return contents


LABELS: st.SearchStrategy[Mapping[str, str]] = st.sampled_from([{}, {"site": "A1"}, {"site": "ok", "none": ""}])
TIMES = st.integers(0, 253_370_764_799_999_999)
TAGS = st.sampled_from([(), ("hot",), ("ok", "cold"), tuple(f"t{number}" for number in range(31))])
EVENTS: Callable[[], st.SearchStrategy[dict[str, object]]] = payloads
