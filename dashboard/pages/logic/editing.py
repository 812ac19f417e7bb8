"""How the pages and actions of logic are declared, and how their forms tell what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import update_wrapper
from typing import Concatenate, NamedTuple, ParamSpec

from django import forms
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.frame.page import Handler, Shown, action, page
from ingestion.auth.read_scope import ReadScope
from processing.logic.faults import Fault
from processing.logic.presentation import faults_text
from processing.logic.revisions import diff
from processing.logic.revisions.conflicts import Conflict
from processing.logic.revisions.diff import Change
from queries import user_scopes
from queries.reads.postgres import ReadUnavailable
from queries.request.query_params import Parameters

P = ParamSpec("P")

PERMISSION = "processing.change_logicrevision"
RAW = "processing.read_documents"  # permission: what was sent
MAX_REASON = 1_000  # characters
AWAY = "PostgreSQL does not answer; nothing was saved. Try again in a moment."


class DiffLine(NamedTuple):
    """A line of a difference."""

    kind: str  # added, removed, changed, or empty
    text: str


def logic_page(
    template: str, *, part: str, parameters: Sequence[str] = (), whole: bool = True
) -> Callable[[Callable[Concatenate[HttpRequest, ReadScope, P], Shown]], Handler]:
    """Declare a page of logic. While PostgreSQL is away it says so.

    :param part: of the logic, which the navigation of its pages marks
    :param parameters: those of its address
    :param whole: it is for readers who may see every source
    """

    def declare(view: Callable[Concatenate[HttpRequest, ReadScope, P], Shown]) -> Handler:
        def shown(request: HttpRequest, scope: ReadScope, /, *args: P.args, **kwargs: P.kwargs) -> Shown | HttpResponse:
            if whole:
                scope.require_whole()
            try:
                found = view(request, scope, *args, **kwargs)
            except ReadUnavailable:
                found = Shown({"state": "unknown"})
            return Shown(found.data, {**found.extra, "part": part})

        update_wrapper(shown, view)
        return page(f"dashboard/logic/{template}.html", here="logic", parameters=parameters)(shown)

    return declare


def logic_action(
    view: Callable[Concatenate[HttpRequest, ReadScope, P], HttpResponse],
) -> Handler:
    """Declare an action of logic: by people who may change it and see every source."""

    def act(request: HttpRequest, scope: ReadScope, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        scope.require_whole()
        # Where everyone reads everything, groups bind what a person changes.
        own = user_scopes.scope_of(request.user)
        if own.sources:
            own.require_whole()
        return view(request, scope, *args, **kwargs)

    update_wrapper(act, view)
    return action(PERMISSION)(act)


def answer(
    request: HttpRequest, template: str, shown: Mapping[str, object], *, part: str, status: int = 200
) -> HttpResponse:
    """Return the answer of an action that shows its page again, with what was typed."""
    context = {**shown, "part": part, "here": "logic", "now": datetime.now(tz=UTC)}
    return render(request, f"dashboard/logic/{template}.html", context, status=status)


def by_method(read: Handler, change: Handler) -> Handler:
    """Return a view of one address: a page for GET, an action for POST."""

    def dispatch(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        is_change = request.method == "POST" and "twin" not in kwargs
        return (change if is_change else read)(request, *args, **kwargs)

    update_wrapper(dispatch, read)
    return dispatch


def only(request: HttpRequest, names: Sequence[str]) -> Parameters:
    """Return these parameters of a page's address; others are for other parts of the page."""
    given = request.GET.copy()
    for name in set(given).difference(names):
        del given[name]
    return Parameters(given, known=names)


def who(request: HttpRequest) -> str:
    """Return the name under which a change is kept."""
    assert isinstance(request.user, User)
    return request.user.get_username()


def add_faults(form: forms.Form, faults: Iterable[Fault], fields: Mapping[str, str]) -> None:
    """Show faults at the fields of a form.

    :param fields: the field by the beginning of a pointer; other faults are shown above all
    """
    for fault in faults:
        start = next((start for start in fields if fault.pointer.startswith(start)), None)
        if start is None:
            form.add_error(None, faults_text.lines([fault]))
            continue
        place = fault.pointer[len(start) :].removeprefix("/")
        # Of lines that are typed one below the other, people count from 1.
        shown = str(int(place) + 1) if place.isdigit() else place
        form.add_error(fields[start], faults_text.lines([fault._replace(pointer=shown)]))


def add_conflict(form: forms.Form, conflict: Conflict) -> list[DiffLine]:
    """Say that somebody changed the logic meanwhile; return the lines of what changed."""
    form.add_error(None, f"Meanwhile {conflict}. Look at what changed below, and save again if yours still holds.")
    return diff_lines(conflict.changes)


def diff_lines(changes: list[Change]) -> list[DiffLine]:
    """Return a difference as lines, each with its sign in front."""
    return [_line(line) for line in diff.as_text(changes).splitlines()]


_KINDS = {"+": "added", "-": "removed", "~": "changed"}


def _line(line: str) -> DiffLine:
    indent = len(line) - len(line.lstrip(" "))
    sign = line[indent : indent + 1]
    return DiffLine(_KINDS.get(sign, ""), sign + " " * indent + line[indent + 1 :])
