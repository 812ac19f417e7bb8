"""Actions of the admin, on the rows of a list or on one object: shown before they are done, and done by a POST."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

CONFIRMED, OF_OBJECT = "confirmed", "of_object"  # what the forms send beside the action and the rows
OWN_CONFIRMATION = "delete_selected"  # Django's action, which asks by itself


class Offer(NamedTuple):
    """An action that one may do."""

    name: str
    text: str


class ConfirmedActions(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic while it runs
    """Puts the actions of the list on the page of an object, too, and asks before each."""

    action_notes: ClassVar[dict[str, str]] = {}  # by the name of an action: what it leads to

    def applies(self, action: str, obj: Model) -> bool:
        """Return whether an action makes sense for an object in its state."""
        return True

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        offers = self._offers(request, object_id)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "object_actions": offers})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """:raises PermissionDenied: an action that the user may not do, which Django would only leave undone"""
        name = _chosen(request)
        if name and name not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def response_action(  # type: ignore[override]  # what Django adds is passed on
        self, request: HttpRequest, queryset: QuerySet[Any], **kwargs: Any
    ) -> HttpResponse | None:
        """Ask, or do what was confirmed."""
        name = _chosen(request)
        if name and name != OWN_CONFIRMATION and CONFIRMED not in request.POST:
            return self._ask(request, name, queryset)
        answer = super().response_action(request, queryset, **kwargs)
        if OF_OBJECT in request.POST and isinstance(answer, HttpResponseRedirect):
            return HttpResponseRedirect(self._address(request.POST[ACTION_CHECKBOX_NAME]))
        return answer

    def _offers(self, request: HttpRequest, object_id: str) -> list[Offer]:
        actions = {name: text for name, text in self._texts(request).items() if name != OWN_CONFIRMATION}
        obj = self.get_object(request, unquote(object_id)) if actions else None
        if obj is None:
            return []
        return [Offer(name, text) for name, text in actions.items() if self.applies(name, obj)]

    def _ask(self, request: HttpRequest, name: str, queryset: QuerySet[Any]) -> HttpResponse:
        text = self._texts(request)[name]
        chosen = list(queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)))
        is_one = OF_OBJECT in request.POST and len(chosen) == 1
        context = {
            **self.admin_site.each_context(request),
            "title": text,
            "opts": self.opts,
            "action": name,
            "note": self.action_notes.get(name, ""),
            "objects": chosen,
            "of_object": is_one,
            "back": self._address(str(chosen[0].pk)) if is_one else request.get_full_path(),
        }
        return TemplateResponse(request, "admin/confirm_action.html", context)

    def _texts(self, request: HttpRequest) -> dict[str, str]:
        named = dict(self.get_action_choices(request, default_choices=[]))
        return {str(name): str(text) for name, text in named.items()}

    def _address(self, key: str) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(key)])


def _chosen(request: HttpRequest) -> str:
    """Return the name of the action whose button was pushed; there may be one above and one below the list."""
    names = request.POST.getlist("action")
    index = request.POST.get("index", "0")
    return names[int(index)] if index.isdecimal() and int(index) < len(names) else ""
