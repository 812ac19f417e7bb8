"""The admin of sources and keys, and what the pages of all apps' admin share; it may import all of this app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.forms import CheckboxSelectMultiple, DateTimeField, DateTimeInput, ModelForm, MultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from ingestion.admin.light import LightAdmin
from ingestion.admin.relative_time import relative
from ingestion.auth import api_keys
from ingestion.code_samples import Address, CodeSample, address_of, code_samples, example_source
from ingestion.models import Key, Scope, Source


@admin.register(Source)
class SourceAdmin(LightAdmin):
    """The registry of sources; what they sent is under Source statistics."""

    list_display = ("source_id", "state", "registered")
    list_filter = ("enabled",)
    search_fields = ("source_id",)
    readonly_fields = ("registered_at",)
    sortable_by = ("source_id",)
    actions = ("enable", "disable")
    action_notes: ClassVar[dict[str, str]] = {
        "enable": "Receivers take their events again from now on.",
        "disable": "Receivers refuse their events from now on. What is stored stays.",
    }

    @admin.display(ordering="enabled")
    def state(self, source: Source) -> str:
        return "enabled" if source.enabled else "disabled"

    @admin.display(description="registered", ordering="registered_at")
    def registered(self, source: Source) -> SafeString | str:
        return relative(source.registered_at)

    def applies(self, action: str, obj: Model) -> bool:
        assert isinstance(obj, Source)
        return obj.enabled is (action == "disable")

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Source], *, enabled: bool) -> None:
        done = "Enabled" if enabled else "Disabled"
        for source in queryset.filter(enabled=not enabled):
            source.enabled = enabled
            source.save(update_fields=["enabled"])
            self.log_change(request, source, f"{done}.")
        api_keys.push(api_keys.SOURCES)
        self.message_user(request, f"{done}; every receiver knows from now on.")

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> list[str]:
        return ["registered_at"] if obj is None else ["registered_at", "source_id"]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        ready = code_samples(address_of(request), source=unquote(object_id))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "snippets": ready})

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        api_keys.push(api_keys.SOURCES)

    def delete_model(self, request: HttpRequest, obj: Source) -> None:
        super().delete_model(request, obj)
        api_keys.push(api_keys.SOURCES)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        super().delete_queryset(request, queryset)
        api_keys.push(api_keys.SOURCES)


class KeyForm(ModelForm):  # type: ignore[type-arg]
    scopes = MultipleChoiceField(choices=Scope.choices, widget=CheckboxSelectMultiple, initial=[Scope.INGEST])
    expires_at = DateTimeField(
        required=False, help_text="In UTC.", widget=DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )

    class Meta:
        model = Key
        fields = ("name", "scopes", "sources", "rate", "expires_at")


@admin.register(Key)
class KeyAdmin(LightAdmin):
    """Keys are revoked or expire, but are never deleted, so that the key in a log line can still be found."""

    form = KeyForm
    list_display = ("name", "prefix", "scopes", "state", "created", "created_by", "used", "expires")
    search_fields = ("name", "prefix")
    readonly_fields = ("prefix", "created_at", "created_by", "last_used_at", "revoked_at")
    actions = ("rotate", "revoke")
    action_notes: ClassVar[dict[str, str]] = {
        "rotate": "The next page shows the second key, once. Both are valid for a day.",
        "revoke": "Every receiver refuses it from now on. This can't be undone.",
    }
    _tokens: WeakKeyDictionary[HttpRequest, str] = (
        WeakKeyDictionary()
    )  # tokens of keys that were created by requests in progress

    @admin.display
    def state(self, key: Key) -> str:
        return key.state(timezone.now())

    @admin.display(description="created", ordering="created_at")
    def created(self, key: Key) -> SafeString | str:
        return relative(key.created_at)

    @admin.display(description="last used", ordering="last_used_at")
    def used(self, key: Key) -> SafeString | str:
        return relative(key.last_used_at)

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, key: Key) -> SafeString | str:
        return relative(key.expires_at)

    def applies(self, action: str, obj: Model) -> bool:
        assert isinstance(obj, Key)
        return obj.revoked_at is None

    def has_delete_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Key, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            api_keys.push_change(obj)
            return
        who = request.user.get_username()
        made, token = api_keys.create(
            obj.name, obj.scopes, sources=obj.sources, rate=obj.rate, expires_at=obj.expires_at, by=who
        )
        obj.pk, obj.prefix = made.pk, made.prefix
        self._tokens[request] = token

    def response_add(self, request: HttpRequest, obj: Key, post_url_continue: str | None = None) -> HttpResponse:
        return self._show(request, [(obj, self._tokens.pop(request))])

    @admin.action(description="Rotate", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Key]) -> HttpResponse | None:
        valid = list(queryset.filter(revoked_at=None))
        if not valid:
            self.message_user(request, "A revoked key can't be rotated; make another one.", messages.ERROR)
            return None
        made = []
        for key in valid:
            fresh, token = api_keys.rotate(key, by=request.user.get_username())
            made.append((fresh, token))
            self.log_change(request, key, f"Rotated: the second key is {fresh.prefix}.")
        return self._show(request, made)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Key]) -> None:
        for key in queryset.filter(revoked_at=None):
            api_keys.revoke(key)
            self.log_change(request, key, "Revoked.")
        self.message_user(request, "Revoked; every receiver refuses them from now on.")

    def _show(self, request: HttpRequest, made: Iterable[tuple[Key, str]]) -> HttpResponse:
        """Render tokens in the response itself: Django's messages would store them in a cookie or the session."""
        address = address_of(request)
        shown = [{"key": key, "token": token, "snippets": _snippets(address, key, token)} for key, token in made]
        context = {**self.admin_site.each_context(request), "title": "Copy the key now", "made_keys": shown}
        return TemplateResponse(request, "admin/ingestion/key/made.html", context)


def _snippets(address: Address, key: Key, token: str) -> list[CodeSample]:
    if Scope.INGEST not in key.scopes:
        return []
    return code_samples(address, source=example_source(key.sources), key=token)
