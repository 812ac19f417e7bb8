"""Tries patterns on texts that are made of their own pieces. RE2 is linear, but a step of some patterns takes microseconds.

No text proves that there is no worse one. It is tried when logic is saved alone: what was saved is read on any machine.
"""

from __future__ import annotations

import ast
import random
import re
import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations

from processing.logic.content import RuleContent
from processing.logic.expressions.reading.syntax import Written
from processing.logic.expressions.tree import Call, Node, Total, children
from processing.logic.faults import Fault
from processing.logic.rules.actions import Set
from processing.logic.rules.rule import Rule

_LENGTH = 4_096  # characters of a text
_LIMIT = 0.0005  # seconds of a text; usual patterns take 0.03 ms, and bad ones 2 to 200 ms
_SIGNS = r"\\()\[\]{}|?*+.^$"
_LITERALS = re.compile(f"[^{_SIGNS}]+")
_OTHERS = "aA0 ."
_MIXTURES = 150  # of two or three pieces, since a pattern may be slow on texts of certain ones alone
_DETAIL = (
    "this pattern takes long on some texts, as it may be in too many places of them at once; "
    "a shorter repetition such as {0,9}, or none as in .*, is fast"
)


def faults(contents: Sequence[RuleContent], rules: Sequence[Rule], *, base: Sequence[RuleContent]) -> Iterator[Fault]:
    """Yield the slow patterns of rules that were read without a fault. It takes some 0.02 s a pattern.

    :param base: rules whose patterns were tried before
    """
    for index, (content, rule) in enumerate(zip(contents, rules, strict=True)):
        if content in base:
            continue
        if rule.when is not None:
            yield from _of(rule.when, Written(content.when, f"/rules/{index}/when"))
        for number, action in enumerate(rule.actions):
            if isinstance(action, Set):
                yield from _of(action.value, Written(content.actions[number], f"/rules/{index}/actions/{number}"))


def _of(node: Node, written: Written) -> Iterator[Fault]:
    if isinstance(node, Call) and node.function == "matches" and is_slow(node.total, _pattern(node.text)):
        yield from written.fault(_DETAIL, max(0, written.flat.find(node.text))).faults
    for child in children(node):
        yield from _of(child, written)


def _pattern(call: str) -> str:
    found = ast.parse(call, mode="eval").body
    assert isinstance(found, ast.Call)
    written = found.args[1]
    assert isinstance(written, ast.Constant)
    return str(written.value)


def is_slow(search: Total, pattern: str) -> bool:
    """Return whether a search for a pattern takes long on a text that is made of its pieces."""
    words = _LITERALS.findall(pattern)
    pieces = sorted({*words, *"".join(words), *_OTHERS})
    mixtures = [*combinations(pieces, 2), *combinations(pieces, 3)]
    few = random.Random(0).sample(mixtures, min(_MIXTURES, len(mixtures)))  # noqa: S311
    return any(_is_slow_on(search, mixture) for mixture in few)


def _is_slow_on(search: Total, pieces: Sequence[str]) -> bool:
    # RE2 keeps the states that a text led it to, so the first text is slow with every pattern.
    first, *others = (_text(order, pieces) for order in _orders(len(pieces)))
    search(first)
    return all(_seconds(search, text) > _LIMIT for text in others)


@cache
def _orders(pieces: int) -> tuple[str, ...]:
    """Return texts of the numbers of pieces, by chance."""
    chance = random.Random(0)  # noqa: S311
    return tuple("".join(chance.choices("\0\1\2"[:pieces], k=_LENGTH)) for _ in range(3))


def _text(order: str, pieces: Sequence[str]) -> str:
    for number, piece in enumerate(pieces):
        order = order.replace(chr(number), piece)
    return order[:_LENGTH]


def _seconds(search: Total, text: str) -> float:
    start = time.thread_time()
    search(text)
    return time.thread_time() - start
