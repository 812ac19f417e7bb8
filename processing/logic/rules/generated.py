"""The statements of a rule, as generated code."""

from __future__ import annotations

import ast
from collections.abc import Callable

import msgspec

from ingestion.events.model import MAX_KEYS
from processing.logic.expressions.compiled.compiler import Compiler
from processing.logic.expressions.compiled.scope import Scope
from processing.logic.expressions.compiled.templates import constant, fill, fill_statements
from processing.logic.expressions.functions import time_to_text
from processing.logic.expressions.kinds import Kind
from processing.logic.expressions.tree import Node, looks_up
from processing.logic.rules import changes
from processing.logic.rules.actions import Action, Drop, Reject, Remove, Rename, Set, Stop, Tag, Untag
from processing.logic.rules.results import MAX_TAGS
from processing.logic.rules.rule import Rule

# What a rule that fails has changed is undone.
_RULE = """
try:
    before, tags_before, added_before = payload, tags, added
    BODY
except Exception:
    payload, added = before, added_before
    RELOAD
    tags = fail(I, tags_before)
    hit = True
"""
_WHEN = """
if C:
    BODY
"""
_APPLIED = """
hit = True
BODY
applied[I] += 1
END
"""
_UNKNOWN = """
if TEST:
    BODY
else:
    unknown[I] += 1
"""
_ADDED = f"""
if K in payload:
    payload, added = {{**payload, K: V}}, None
elif len(payload) < {MAX_KEYS}:
    payload = {{**payload, K: V}}
    if added is not None:
        added = added + MEMBER + encode(V)
else:
    unknown[I] += 1
"""
_PUT = """
if (P := put(payload, PATH, V)) is not None:
    payload, added = P, None
else:
    unknown[I] += 1
"""
_MOVED = """
if (P := move(payload, PATH, TO)) is not None:
    payload, added = P, None
else:
    unknown[I] += 1
"""
_TAG = f"""
if NAME not in tags:
    if len(tags) < {MAX_TAGS}:
        tags = (*tags, NAME)
    else:
        unknown[I] += 1
"""
_UNTAG = """
if NAME in tags:
    tags = without(tags, NAME)
"""
_ENDINGS = {
    Reject: "ended[index] = Result(given, given_tags, REJECTED, RULE, REASON)\ncontinue",
    Drop: "ended[index] = Result(given, given_tags, DROPPED, RULE, '')\ncontinue",
    Stop: "kept[index] = Made(payload, tags, payload is not given, added)\ncontinue",
}


def _without(tags: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(tag for tag in tags if tag != name)


def _counter_of(missed: list[int], index: int) -> Callable[[], None]:
    def count() -> None:
        missed[index] += 1

    return count


def _has_lookup(rule: Rule) -> bool:
    return any(map(looks_up, rule.expressions()))


class RuleCode:
    """Generates the code of rules in their order."""

    def __init__(self, scope: Scope, missed: list[int]) -> None:
        self._scope = scope
        self._missed = missed
        scope.globals |= {
            "encode": msgspec.json.Encoder().encode,
            "put": changes.put,
            "move": changes.move,
            "take": changes.take,
            "without": _without,
            "len": len,
        }

    def of(self, index: int, rule: Rule) -> list[ast.stmt]:
        """Return the code of a rule."""
        return _OneRule(self._scope, index, rule, missed=self._missed).whole()


class _OneRule:
    def __init__(self, scope: Scope, index: int, rule: Rule, *, missed: list[int]) -> None:
        self._scope = scope
        self._index = constant(index)
        self._rule = rule
        counted = scope.bind(_counter_of(missed, index)) if _has_lookup(rule) else constant(None)
        self._conditions = Compiler(scope, missed=counted)
        # What a rule sets, its later actions see, so nothing is taken from variables here.
        self._values = Compiler(scope.without_loaded(), missed=counted)

    def whole(self) -> list[ast.stmt]:
        body = [each for action in self._rule.actions for each in self._action(action)]
        reload = self._reload()
        end = self._ending()
        body = fill_statements(_APPLIED, BODY=body + reload, END=end, I=self._index)
        if self._rule.when is not None:
            body = fill_statements(_WHEN, C=self._conditions.truth(self._rule.when, wanted=True), BODY=body)
        return fill_statements(_RULE, BODY=body, RELOAD=self._reload(), I=self._index)

    def _reload(self) -> list[ast.stmt]:
        code: list[ast.stmt] = []
        for action in self._rule.actions:
            match action:
                case Set(path=path) | Remove(path=path):
                    code += self._scope.reload(path)
                case Rename(path=path, to=to):
                    code += self._scope.reload(path) + self._scope.reload(to)
        return code

    def _ending(self) -> list[ast.stmt]:
        action = self._rule.actions[-1]
        template = _ENDINGS.get(type(action))
        if template is None:
            return []
        reason = action.reason if isinstance(action, Reject) else ""
        return fill_statements(template, RULE=constant(self._rule.name), REASON=constant(reason))

    def _action(self, action: Action) -> list[ast.stmt]:
        match action:
            case Set():
                return self._set(action)
            case Remove(path=path):
                return fill_statements("payload, added = take(payload, PATH), None", PATH=constant(path))
            case Rename(path=path, to=to):
                return self._counted(_MOVED, PATH=constant(path), TO=constant(to), P=self._scope.fresh())
            case Tag(name=name):
                return self._counted(_TAG, NAME=constant(name))
            case Untag(name=name):
                return self._counted(_UNTAG, NAME=constant(name))
        return []

    def _set(self, action: Set) -> list[ast.stmt]:
        result = self._scope.fresh()
        if len(action.path) == 1:
            [key] = action.path
            member = b",%b:" % msgspec.json.encode(key)
            store = self._counted(_ADDED, K=constant(key), V=result, MEMBER=constant(member))
        else:
            store = self._counted(_PUT, PATH=constant(action.path), V=result, P=self._scope.fresh())
        return self._counted(_UNKNOWN, TEST=self._known(action.value, result), BODY=store)

    def _known(self, node: Node, result: ast.Name) -> ast.expr:
        """Return code for whether a value is known, which it then holds."""
        if node.kind is Kind.NUMBER and not looks_up(node):
            return fill("(R := X) == R", R=result, X=self._values.number(node))
        if node.kind is Kind.TIME:
            return fill(
                "(R := F(X)) is not None", R=result, F=self._scope.bind(time_to_text), X=self._values.operand(node)
            )
        return fill("(R := X) is not None", R=result, X=self._values.value(node))

    def _counted(self, template: str, **parts: ast.expr | list[ast.stmt]) -> list[ast.stmt]:
        return fill_statements(template, I=self._index, **parts)
