"""The three forms in which the code of an expression is asked for."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod

from processing.logic.expressions.compiled.scope import Scope
from processing.logic.expressions.compiled.templates import fill
from processing.logic.expressions.tree import Field, Node


class Generator(ABC):
    """Generates code for expressions of one scope.

    Code that reads a lookup table works out the same parts as the interpreter does, since it counts what it misses.
    All other code may leave out parts that don't matter.
    """

    def __init__(self, scope: Scope, *, missed: ast.expr) -> None:
        """Take the function that counts a lookup that found nothing, and returns None."""
        self._scope = scope
        self._missed = missed

    @abstractmethod
    def operand(self, node: Node) -> ast.expr:
        """Return code for a value as functions take it: None for unknown, and of a field whatever it holds."""

    @abstractmethod
    def number(self, node: Node) -> ast.expr:
        """Return code for a number, which is NaN for unknown and for what is no number."""

    @abstractmethod
    def truth(self, node: Node, *, wanted: bool) -> ast.expr:
        """Return code for whether a condition is true, or whether it is false. It is neither where it is unknown."""

    def value(self, node: Node) -> ast.expr:
        """Return code for a value that can be stored; None: unknown."""
        operand = self.operand(node)
        return fill("plain(X)", X=operand) if isinstance(node, Field) else operand
