"""Rules as one Python function: what the consumer runs for every event of a source."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import NamedTuple, Protocol, cast

from processing.events.made import Made
from processing.logic.expressions.compiled.compiler import shared_fields
from processing.logic.expressions.compiled.scope import Scope
from processing.logic.expressions.compiled.templates import fill_statements
from processing.logic.expressions.lookup import Tables
from processing.logic.rules.generated import RuleCode
from processing.logic.rules.results import LOGIC_ERROR, Counts, Fate, Result
from processing.logic.rules.rule import Rule

# Code in the loop takes a fifth less time than a call for each event.
_FUNCTION = """
def run(events, indexes, tags_before_rules, kept, ended):
    payloads, sources, times, received_times = events
    for index in indexes:
        payload = given = payloads[index]
        tags = given_tags = tags_before_rules[index] if index in tags_before_rules else NO_TAGS
        added = NOTHING if payload else None
        hit = False
        VARIABLES
        BODY
        if hit:
            kept[index] = Made(payload, tags, payload is not given, added)
"""
_VARIABLES = {
    "source": "source = sources[index]",
    "timestamp": "timestamp = times[index]",
    "received": "received = received_times[index]",
}


class Columns(NamedTuple):
    """Events; times in microseconds since the epoch."""

    values: Sequence[dict[str, object]]  # of their payloads
    sources: Sequence[str]
    times: Sequence[int]
    received: Sequence[int]


class Run(Protocol):
    """The generated function."""

    def __call__(
        self,
        events: Columns,
        indexes: Sequence[int],
        tags: Mapping[int, tuple[str, ...]],
        kept: dict[int, Made],
        ended: dict[int, Result],
        /,
    ) -> None:
        """Run the rules on some of the events.

        The values are never changed, and nothing that an event holds makes it raise.

        :param tags: that events have already, by index
        :param kept: is filled with what the rows of events have, by index, if a rule applied to them
        :param ended: is filled with the events that are rejected or dropped
        """


class Counters:
    """What rules did, each at its place. Generated code adds to the lists."""

    def __init__(self, rules: int) -> None:
        self.applied, self.unknown, self.missed, self.errors = ([0] * rules for _ in range(4))

    def take(self, names: Sequence[str]) -> dict[str, Counts]:
        columns = (self.applied, self.unknown, self.missed, self.errors)
        found = {name: Counts(*numbers) for name, *numbers in zip(names, *columns, strict=True) if any(numbers)}
        for column in columns:
            column[:] = [0] * len(column)
        return found

    def fail(self, index: int, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Count that a rule failed, and return the tags of the event that goes on."""
        self.errors[index] += 1
        return tags if LOGIC_ERROR in tags else (*tags, LOGIC_ERROR)


class Program:
    """Rules in their order, for one source or several with the same labels. Not for several threads at once."""

    def __init__(self, run: FunctionType, labels: Mapping[str, str], names: Sequence[str], counters: Counters) -> None:
        self.run: Run = cast("Run", run)
        self._function = run
        self._labels = labels
        self._names = names
        self._counters = counters

    def with_labels(self, labels: Mapping[str, str]) -> Program:
        """Return the same rules for sources with other labels, in microseconds. Both count together."""
        if not self._labels:
            return self
        values = {variable: labels.get(label) for label, variable in self._labels.items()}
        run = FunctionType(self._function.__code__, {**self._function.__globals__, **values})
        return Program(run, self._labels, self._names, self._counters)

    def take_counts(self) -> dict[str, Counts]:
        """Return what rules did since the last call, by name; of those that did something."""
        return self._counters.take(self._names)


def compile_program(rules: Sequence[Rule], *, labels: Mapping[str, str], tables: Tables) -> Program | None:
    """Compile rules that apply to a source, in order.

    :param labels: of the source
    :return: None: there is no rule
    """
    if not rules:
        return None
    scope, counters = Scope(tables), Counters(len(rules))
    scope.globals |= {
        "Exception": Exception,
        "Made": Made,
        "Result": Result,
        "NO_TAGS": (),
        "NOTHING": b"",
        "REJECTED": Fate.REJECTED,
        "DROPPED": Fate.DROPPED,
        "applied": counters.applied,
        "unknown": counters.unknown,
        "fail": counters.fail,
    }
    body = scope.load(*shared_fields(rule.when for rule in rules if rule.when))
    code = RuleCode(scope, counters.missed)
    for index, rule in enumerate(rules):
        body += code.of(index, rule)
    read = {node.id for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)}
    variables = [each for word, code in _VARIABLES.items() if word in read for each in fill_statements(code)]
    module = ast.Module(fill_statements(_FUNCTION, VARIABLES=variables, BODY=body), [])
    # All that is executed was generated here, from a checked tree; it sees no builtins.
    exec(compile(ast.fix_missing_locations(module), "<logic>", "exec"), scope.globals)  # noqa: S102
    run = cast("FunctionType", scope.globals["run"])
    return Program(run, scope.labels, [rule.name for rule in rules], counters).with_labels(labels)
