"""One rule, read and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from ingestion.auth.source_patterns import PATTERN_FORM, is_pattern, matches
from processing.logic.content import RuleContent
from processing.logic.expressions.lookup import Tables
from processing.logic.expressions.reading.parse import parse_condition
from processing.logic.expressions.tree import Node
from processing.logic.faults import Fault, InvalidLogic
from processing.logic.rules.actions import Action, Ending, Set, parse_action

MAX_NAME = 100  # characters
MAX_ACTIONS = 50


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A condition, and what is done with an event for which it is true."""

    name: str
    sources: tuple[str, ...]
    labels: Mapping[str, str]
    enabled: bool
    when: Node | None  # None: always
    actions: tuple[Action, ...]

    def applies_to(self, source: str, labels: Mapping[str, str]) -> bool:
        """Return whether the rule is for events of a source with these labels. A disabled one is for none."""
        if not self.enabled:
            return False
        if self.sources and not any(matches(pattern, source) for pattern in self.sources):
            return False
        return all(labels.get(name) == value for name, value in self.labels.items())

    def expressions(self) -> Iterator[Node]:
        """Return all its expressions."""
        if self.when is not None:
            yield self.when
        yield from (action.value for action in self.actions if isinstance(action, Set))


def parse_rule(content: RuleContent, pointer: str, *, tables: Tables) -> Rule:
    """Return a rule as it runs.

    :param pointer: of the rule in the content of its revision
    :raises InvalidLogic: with all its faults
    """
    faults = list(_faults(content, pointer))
    when = None
    if content.when.strip():
        try:
            when = parse_condition(content.when, pointer=f"{pointer}/when", tables=tables)
        except InvalidLogic as invalid:
            faults += invalid.faults
    actions: dict[int, Action] = {}
    for index, text in enumerate(content.actions):
        try:
            actions[index] = parse_action(text, pointer=f"{pointer}/actions/{index}", tables=tables)
        except InvalidLogic as invalid:
            faults += invalid.faults
    faults += _unreachable(actions, pointer)
    if faults:
        raise InvalidLogic(faults)
    return Rule(
        name=content.name,
        sources=tuple(content.sources),
        labels=content.labels,
        enabled=content.enabled,
        when=when,
        actions=tuple(actions.values()),
    )


def _faults(content: RuleContent, pointer: str) -> Iterator[Fault]:
    if not 1 <= len(content.name) <= MAX_NAME or content.name != content.name.strip() or not content.name.isprintable():
        yield Fault(f"{pointer}/name", f"expected a name of 1 to {MAX_NAME} printable characters")
    if not 1 <= len(content.actions) <= MAX_ACTIONS:
        yield Fault(f"{pointer}/actions", f"expected 1 to {MAX_ACTIONS} actions")
    if content.sources and content.labels:
        yield Fault(f"{pointer}/labels", "expected sources or labels, got both")
    for index, pattern in enumerate(content.sources):
        if not is_pattern(pattern):
            yield Fault(f"{pointer}/sources/{index}", f"expected {PATTERN_FORM}")


def _unreachable(actions: Mapping[int, Action], pointer: str) -> list[Fault]:
    endings = [index for index, action in actions.items() if isinstance(action, Ending)]
    return [
        Fault(f"{pointer}/actions/{index}", f"never reached: `{actions[endings[0]].text}` ends the rule")
        for index in actions
        if endings and index > endings[0]
    ]
