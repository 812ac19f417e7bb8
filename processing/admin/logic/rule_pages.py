"""The pages of one rule: change it, check it while one types, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from processing.admin import formatting
from processing.admin.logic import access, event_examples, recent_fields
from processing.admin.logic.rule_form import FIELDS, RuleForm, examples_text
from processing.logic.content import Content, RuleContent
from processing.logic.expressions.functions import FUNCTIONS
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import shapes
from processing.logic.revisions import checking, rows, saving
from processing.logic.revisions.conflicts import Conflict
from processing.logic.revisions.rows import UnknownRevision

# Those that take more than values are read by name (processing.logic.expressions.reading.calls).
FUNCTION_NAMES = sorted({*FUNCTIONS, "between", "coalesce", "convert", "exists", "lookup", "matches"})


class _Change(NamedTuple):
    """A rule that is being changed in a revision; without a name it is a new one."""

    base: int
    content: Content
    name: str

    @property
    def place(self) -> int:
        """Where the rule stands, from 1; a new one stands behind all."""
        names = [rule.name for rule in self.content.rules]
        return names.index(self.name) + 1 if self.name in names else len(names) + 1

    def rule(self) -> RuleContent:
        """Return the rule as it is now."""
        if self.name and self.place > len(self.content.rules):
            raise Http404
        return self.content.rules[self.place - 1] if self.name else RuleContent(name="", actions=[])

    def others(self) -> list[RuleContent]:
        """Return the other rules."""
        return [rule for rule in self.content.rules if rule.name != self.name]

    def with_rule(self, rule: RuleContent, place: int) -> tuple[Content, int]:
        """Return the content with the rule at a place, and its index."""
        index = min(place - 1, len(self.others()))
        rules = [*self.others()[:index], rule, *self.others()[index:]]
        return msgspec.structs.replace(self.content, rules=rules), index


def rule_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show the form of a rule of a revision (`?name=`), or of a new one; save it as a draft or make it current."""
    access.require_permission(request)
    change = _change(number, request.GET.get("name", ""))
    initial = {**RuleForm.initial_of(change.rule(), place=change.place), "base": number}
    if request.GET.get("event"):
        example = event_examples.of(request.GET["event"], change.content)
        initial["examples"] = examples_text([*change.rule().examples, *example])
    form = RuleForm(request.POST or None, initial=initial)
    changed: list[str] = []
    if form.is_valid():
        try:
            return _save(request, change, form)
        except Conflict as conflict:
            data = request.POST.copy()
            data["base"] = str(conflict.number)
            form = RuleForm(data)
            changed = access.add_conflict(form, conflict)
    return _show(request, change, form, changed)


def _show(request: HttpRequest, change: _Change, form: RuleForm, changed: Sequence[str] = ()) -> HttpResponse:
    rule = change.rule()
    shown = {
        "form": form,
        "change": change,
        "fields": recent_fields.read(rule.sources, rule.labels),
        "functions": FUNCTION_NAMES,
        "changed": formatting.diff(changed) if changed else "",
    }
    return access.page(request, "rule", f"Rule {change.name}" if change.name else "New rule", shown)


def _save(request: HttpRequest, change: _Change, form: RuleForm) -> HttpResponse:
    """Save the form, and go to the revision; show the form again if it can't be used."""
    base = form.cleaned_data["base"]
    if base != change.base:
        # Its other rules are those of the revision that was looked at meanwhile.
        change = _change(base, change.name)
    content, index = change.with_rule(form.rule(), form.cleaned_data["place"])
    activate = "activate" in request.POST
    try:
        saved = saving.save(
            content, base=base, who=access.who(request), reason=form.cleaned_data["reason"], activate=activate,
            allow_unmatched=form.cleaned_data["allow_unmatched"],
        )  # fmt: skip
    except InvalidLogic as error:
        access.add_faults(form, error.faults, {f"/rules/{index}{start}": name for start, name in FIELDS.items()})
        return _show(request, change, form)
    messages.success(request, f"Revision {saved.number} is {'current' if activate else 'saved as a draft'}.")
    return HttpResponseRedirect(formatting.change_url("logicrevision", str(saved.number)))


def delete_rule(request: HttpRequest, number: int) -> HttpResponse:
    """Save a draft without a rule."""
    access.require_permission(request)
    change = _change(number, request.POST.get("name", ""))
    change.rule()
    content = msgspec.structs.replace(change.content, rules=change.others())
    try:
        saved = saving.save(content, base=number, who=access.who(request), reason=f"rule {change.name} deleted")
    except (InvalidLogic, Conflict) as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(formatting.change_url("logicrevision", str(number)))
    messages.success(request, f"Revision {saved.number} is a draft without the rule {change.name}.")
    return HttpResponseRedirect(formatting.change_url("logicrevision", str(saved.number)))


def check_rule(request: HttpRequest, number: int) -> JsonResponse:
    """Return what is wrong with a rule that somebody types, by field, and the fields of its sources' last events."""
    access.require_permission(request)
    change = _change(number, request.GET.get("name", ""))
    form = RuleForm(request.POST)
    if form.is_valid():
        content, index = change.with_rule(form.rule(), form.cleaned_data["place"])
        try:
            checking.check(content, base=change.content, allow_unmatched=form.cleaned_data["allow_unmatched"])
        except InvalidLogic as error:
            access.add_faults(form, error.faults, {f"/rules/{index}{start}": name for start, name in FIELDS.items()})
    given = form.cleaned_data if hasattr(form, "cleaned_data") else {}
    sources, labels = str(given.get("sources") or "").split(), given.get("labels") or {}
    found = recent_fields.read(sources, labels)
    return JsonResponse({"errors": form.errors, "fields": [field._asdict() for field in found]})


def choose_rule(request: HttpRequest) -> HttpResponse:
    """Show the rules of the current logic, to make an event (`?event=`) an example of one."""
    access.require_permission(request)
    number = shapes.current_number()
    names = [rule.name for rule in _change(number, "").content.rules]
    shown = {"number": number, "names": names, "event": request.GET.get("event", "")}
    return access.page(request, "choose_rule", "Make an example", shown)


def _change(number: int, name: str) -> _Change:
    try:
        with connection.cursor() as cursor:
            return _Change(number, rows.content_of(cursor, number), name)
    except UnknownRevision as error:
        raise Http404 from error
