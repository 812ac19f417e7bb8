"""Python syntax trees from templates. What people wrote never becomes source text: it is filled in as nodes."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

Part = ast.expr | list[ast.stmt]


def constant(value: object) -> ast.Constant:
    """Return a literal: a number, a text, a boolean, None, or a tuple or frozenset of them."""
    return ast.Constant(value)  # type: ignore[arg-type]


def name(word: str) -> ast.Name:
    """Return a variable, to be read or, filled in as a target, to be set."""
    return ast.Name(word, ast.Load())


def fill(template: str, **parts: Part) -> ast.expr:
    """Return the tree of a template whose names in capitals are replaced by parts."""
    filled: ast.expr = _filled(_expression(template), parts)
    return filled


def fill_statements(template: str, **parts: Part) -> list[ast.stmt]:
    """Return the statements of a template. A name in capitals that stands alone may be replaced by statements."""
    return _filled_list(_statements(template), parts)


@cache
def _expression(template: str) -> ast.expr:
    return ast.parse(template, mode="eval").body


@cache
def _statements(template: str) -> list[ast.stmt]:
    return ast.parse(template).body


def _filled(node: Any, parts: dict[str, Part]) -> Any:
    if isinstance(node, ast.Name):
        part = parts.get(node.id)
        if part is None:
            return ast.Name(node.id, node.ctx)
        return ast.Name(part.id, node.ctx) if isinstance(part, ast.Name) else part
    if isinstance(node, list):
        return _filled_list(node, parts)
    if not isinstance(node, ast.AST):
        return node
    return type(node)(**{field: _filled(getattr(node, field), parts) for field in node._fields})


def _filled_list(nodes: list[Any], parts: dict[str, Part]) -> list[Any]:
    result: list[Any] = []
    for node in nodes:
        inserted = parts.get(node.value.id) if _is_lone_name(node) else None
        if isinstance(inserted, list):
            result += inserted
        else:
            result.append(_filled(node, parts))
    return result


def _is_lone_name(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Name)
