"""Rules run by the interpreter, step by step: why an event became what it is. The reference for the compiled programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from processing.logic.expressions.functions import time_to_text
from processing.logic.expressions.interpreter import ABSENT, Surroundings, at_path, evaluate, truth
from processing.logic.expressions.kinds import Kind
from processing.logic.expressions.lookup import Tables
from processing.logic.expressions.tree import Both, Fact, Field, Label, Node, Not, children
from processing.logic.rules import changes
from processing.logic.rules.actions import Action, Drop, Ending, Reject, Remove, Rename, Set, Stop, Tag, Untag
from processing.logic.rules.results import LOGIC_ERROR, MAX_TAGS, Counts, Fate, Result
from processing.logic.rules.rule import Rule

Path = tuple[str, ...]


class Change(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What an action did to a field."""

    field: str  # as written, such as site.name
    action: str
    before: object = None
    after: object = None
    was_there: bool = True
    is_there: bool = True


class Leaf(msgspec.Struct, frozen=True, rename="camel"):
    """A part of a condition that kept it from being true, with what its names stood for."""

    text: str
    result: bool | None  # None: unknown
    values: dict[str, object]  # by name, of those that are there


class Step(msgspec.Struct, rename="camel", omit_defaults=True):
    """What one rule did to an event."""

    rule: str
    outcome: str  # applied, not applied, skipped, failed
    changes: list[Change] = []
    tags_added: list[str] = []
    tags_removed: list[str] = []
    unknown: list[str] = []  # actions without a result
    missed: int = 0  # lookups that found nothing
    fate: str = ""  # rejected, dropped or stopped: by this rule
    leaves: list[Leaf] = []  # why it was not applied
    skipped_by: str = ""  # the rule that ended the run

    def counts(self) -> Counts:
        """Return the step as it is counted."""
        if self.outcome == "failed":
            return Counts(errors=1, missed=self.missed)
        return Counts(applied=int(self.outcome == "applied"), unknown=len(self.unknown), missed=self.missed)


class _Run:
    """An event on its way through rules."""

    def __init__(self, seen: Surroundings, values: dict[str, object]) -> None:
        self.seen = seen
        self.given = values
        self.given_tags = seen.tags
        self.values = values
        self.ending: Ending | None = None
        self.ended_by = ""

    def put(self, values: dict[str, object]) -> None:
        self.values = self.seen.values = values

    def result(self) -> Result:
        match self.ending:
            case Reject(reason=reason):
                return Result(self.given, self.given_tags, Fate.REJECTED, self.ended_by, reason)
            case Drop():
                return Result(self.given, self.given_tags, Fate.DROPPED, self.ended_by)
        return Result(self.values, self.seen.tags)


def explain(  # noqa: PLR0913
    rules: Sequence[Rule],
    *,
    labels: Mapping[str, str],
    tables: Tables,
    values: dict[str, object],
    source: str,
    ts: int,
    received: int,
    tags: tuple[str, ...],
) -> tuple[list[Step], Result]:
    """Run the rules that apply to a source on one event, and say what each of them did.

    :param labels: of the source
    :param ts: microseconds since the epoch, as is `received`
    """
    run = _Run(Surroundings(values, source, ts, received, tags, labels, tables), values)
    return [_step(run, rule) for rule in rules], run.result()


def _step(run: _Run, rule: Rule) -> Step:
    if run.ending is not None:
        return Step(rule.name, "skipped", skipped_by=run.ended_by)
    before, tags = run.values, run.seen.tags
    run.seen.missed = 0
    try:
        step = _applied(run, rule)
    # As in the compiled program: a fault of ours must not cost an event.
    except Exception:  # noqa: BLE001
        run.put(before)
        run.seen.tags = tags if LOGIC_ERROR in tags else (*tags, LOGIC_ERROR)
        run.ending = None
        step = Step(rule.name, "failed")
    step.missed = run.seen.missed
    step.tags_added = [tag for tag in run.seen.tags if tag not in tags]
    step.tags_removed = [tag for tag in tags if tag not in run.seen.tags]
    return step


def _applied(run: _Run, rule: Rule) -> Step:
    if rule.when is not None and truth(rule.when, run.seen) is not True:
        missed = run.seen.missed
        # A condition may be written once and stand for several, as `between` does.
        leaves = list({leaf.text: leaf for leaf in _leaves(rule.when, run.seen, wanted=True)}.values())
        run.seen.missed = missed
        return Step(rule.name, "not applied", leaves=leaves)
    step = Step(rule.name, "applied")
    for action in rule.actions:
        if isinstance(action, Ending):
            run.ending, run.ended_by = action, rule.name
            step.fate = _FATES[type(action)]
        else:
            _act(run, action, step)
    return step


_FATES: dict[type[Ending], str] = {Reject: "rejected", Drop: "dropped", Stop: "stopped"}


def _act(run: _Run, action: Action, step: Step) -> None:
    before = run.values
    paths: tuple[Path, ...] = ()
    done = True
    match action:
        case Set(path=path):
            paths, done = (path,), _set(run, action)
        case Remove(path=path):
            paths = (path,)
            run.put(changes.take(run.values, path))
        case Rename(path=path, to=to):
            paths, moved = (path, to), changes.move(run.values, path, to)
            done = moved is not None
            run.put(run.values if moved is None else moved)
        case Tag(name=name):
            done = _tag(run, name)
        case Untag(name=name):
            run.seen.tags = tuple(tag for tag in run.seen.tags if tag != name)
    if not done:
        step.unknown.append(action.text)
    step.changes += [change for path in paths if (change := _change(before, run.values, path, action.text)) is not None]


def _set(run: _Run, action: Set) -> bool:
    value = evaluate(action.value, run.seen)
    if action.value.kind is Kind.TIME:
        assert value is None or isinstance(value, int)
        value = time_to_text(value)
    changed = None if value is None else changes.put(run.values, action.path, value)
    run.put(run.values if changed is None else changed)
    return changed is not None


def _tag(run: _Run, name: str) -> bool:
    if name in run.seen.tags:
        return True
    if len(run.seen.tags) >= MAX_TAGS:
        return False
    run.seen.tags = (*run.seen.tags, name)
    return True


def _change(before: object, after: object, path: Path, action: str) -> Change | None:
    old, new = at_path(before, path), at_path(after, path)
    if old is new or (type(old) is type(new) and old == new):
        return None
    return Change(
        field=".".join(path),
        action=action,
        before=None if old is ABSENT else old,
        after=None if new is ABSENT else new,
        was_there=old is not ABSENT,
        is_there=new is not ABSENT,
    )


def _leaves(node: Node, seen: Surroundings, *, wanted: bool) -> Iterator[Leaf]:
    """Yield the parts that kept a condition from being what was wanted: the first of `and`, all of `or`."""
    match node:
        case Not(part=part):
            yield from _leaves(part, seen, wanted=not wanted)
        case Both(operator=operator, parts=parts):
            short = [part for part in parts if truth(part, seen) is not wanted]
            for part in short[:1] if (operator == "and") is wanted else short:
                yield from _leaves(part, seen, wanted=wanted)
        case _:
            yield Leaf(node.text, truth(node, seen), dict(_named(node, seen)))


def _named(node: Node, seen: Surroundings) -> Iterator[tuple[str, object]]:
    match node:
        case Field(path=path) if (found := at_path(seen.values, path)) is not ABSENT:
            yield node.text, found
        case Label(name=name) if name in seen.labels:
            yield node.text, seen.labels[name]
        case Fact(kind=Kind.TIME, name=name):
            yield node.text, time_to_text(getattr(seen, name))
        case Fact(name=name):
            yield node.text, getattr(seen, name)
    for child in children(node):
        yield from _named(child, seen)
