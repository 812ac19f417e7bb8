"""Who may change logic in the admin, and what its pages have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from processing.logic.faults import Fault
from processing.logic.presentation import faults_text
from processing.logic.revisions import diff
from processing.logic.revisions.conflicts import Conflict
from processing.models import LogicRevision

PERMISSION = "processing.change_logicrevision"
MAX_REASON = 1_000  # characters


def may_change(request: HttpRequest) -> bool:
    """Return whether the user may save and activate revisions, schemas and lookup tables."""
    return request.user.has_perm(PERMISSION)


def require_permission(request: HttpRequest) -> None:
    """Check that the user may change logic.

    :raises PermissionDenied: he may not
    """
    if not may_change(request):
        raise PermissionDenied


def who(request: HttpRequest) -> str:
    """Return the name under which a change is kept."""
    assert isinstance(request.user, User)
    return request.user.get_username()


def page(request: HttpRequest, name: str, title: str, context: Mapping[str, Any]) -> HttpResponse:
    """Return a page of logic."""
    shown = {**site.each_context(request), "opts": site.get_model_admin(LogicRevision).opts, "title": title, **context}
    return TemplateResponse(request, f"admin/processing/logic/{name}.html", shown)


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


def add_conflict(form: forms.Form, conflict: Conflict) -> list[str]:
    """Say that somebody changed the logic meanwhile; return the lines of what changed."""
    form.add_error(None, f"Meanwhile {conflict}. Look at what changed below, and save again if yours still holds.")
    return diff.as_text(conflict.changes).splitlines()
