"""Checks logic while somebody writes it; nothing is saved."""

from __future__ import annotations

from ingestion.auth.read_scope import ReadScope
from ingestion.problems import Code
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.presentation.shapes import Faults
from processing.logic.revisions import checking, pointers
from queries.logic import bodies
from queries.logic.bodies import LogicCheck
from queries.logic.revisions import SAVE_SECONDS
from queries.reads import postgres
from queries.request.json_body import InvalidBody


def check(body: LogicCheck, *, scope: ReadScope) -> Faults:
    """Return what is wrong with a content, a rule or an expression.

    :raises InvalidBody: it has none of them, or several
    """
    scope.require_whole()
    if sum(each is not None for each in (body.content, body.rule, body.expression)) != 1:
        raise InvalidBody(Code.INVALID_PARAMETER, "expected exactly one of content, rule and expression")
    try:
        with postgres.bounded(SAVE_SECONDS):
            _check(body)
    except InvalidLogic as error:
        return shapes.faults(error.faults)
    return shapes.faults(())


def _check(body: LogicCheck) -> None:
    within = shapes.current()["content"]
    if body.content is not None:
        content = bodies.content_of(body)
        with pointers.below("/content"):
            checking.check(content, base=within, allow_unmatched=body.allow_unmatched)
    elif body.rule is not None:
        rule = bodies.rule_of(body)
        with pointers.below("/rule"):
            checking.check_rule(rule, within=within, allow_unmatched=body.allow_unmatched)
    else:
        checking.check_expression(body.expression or "", "/expression", within=within)
