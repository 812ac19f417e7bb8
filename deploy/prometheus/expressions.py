"""Which series a PromQL expression reads, and what the rules record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import yaml

from deploy.local.processes import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))


class Rule(NamedTuple):
    """One rule of one file."""

    name: str  # of the alert, or of what is recorded
    expression: str
    severity: str  # empty: it records
    holds_for: str
    annotations: dict[str, str]


def rules() -> list[Rule]:
    """Return the rules of all files."""
    return [
        _rule(one) for file in RULES for group in yaml.safe_load(file.read_text())["groups"] for one in group["rules"]
    ]


def alerts() -> list[Rule]:
    """Return the alerts among them."""
    return [rule for rule in rules() if rule.severity]


def names(expression: str) -> set[str]:
    """Return the names of the series that an expression reads.

    :raises ValueError: it is no PromQL
    """
    return {selector.name for selector in _selectors(promql_parser.parse(expression))}


def labels(expression: str) -> set[tuple[str, str]]:
    """Return the names of series with each label that the expression selects them by."""
    return {
        (selector.name, matcher.name)
        for selector in _selectors(promql_parser.parse(expression))
        for matcher in selector.matchers.matchers
    }


def shortened(text: str) -> str:
    """Return rules that look back over seconds, for tests that can't wait for hours."""
    seconds = {"5m": 8, "10m": 9, "15m": 10, "30m": 12, "1h": 14, "2h": 16, "6h": 18, "1d": 20, "3d": 22}
    text = re.sub(r"\[(\w+)\]", lambda found: f"[{seconds[found[1]]}s]", text)
    return re.sub(r"for: \w+", "for: 1s", text)


def write_shortened(folder: Path) -> None:
    """Write such rules into a folder."""
    for file in RULES:
        (folder / file.name).write_text(shortened(file.read_text()))


def _rule(one: dict[str, Any]) -> Rule:
    return Rule(
        one.get("alert") or one["record"],
        one["expr"],
        one.get("labels", {}).get("severity", ""),
        one.get("for", ""),
        one.get("annotations", {}),
    )


def _selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for name in ("lhs", "rhs", "expr", "param", "args", "vector_selector"):
        below = getattr(node, name, None)
        for each in below if isinstance(below, list | tuple) else [below]:
            if isinstance(each, promql_parser.Expr):
                yield from _selectors(each)
