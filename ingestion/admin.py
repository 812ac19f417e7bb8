"""Sources and keys under /admin/: register and disable sources; create, rotate, expire and revoke keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.forms import CheckboxSelectMultiple, DateTimeField, DateTimeInput, ModelForm, MultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil

from ingestion.admin_media import LightAdmin
from ingestion.auth import api_keys
from ingestion.auth.source_patterns import ANY
from ingestion.code_samples import Address, CodeSample, address_of, code_samples
from ingestion.models import Key, Scope, Source

EXAMPLE = "sensor-123"  # the source in the samples of a key for all sources


@admin.register(Source)
class SourceAdmin(LightAdmin):
    """The registry of sources; what they sent is under Source statistics."""

    list_display = ("source_id", "enabled", "registered_at")
    list_filter = ("enabled",)
    search_fields = ("source_id",)
    readonly_fields = ("registered_at",)
    show_full_result_count = False

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
    list_display = ("name", "prefix", "scopes", "state", "created_at", "created_by", "used", "expires")
    search_fields = ("name", "prefix")
    readonly_fields = ("prefix", "created_at", "created_by", "last_used_at", "revoked_at")
    actions = ("rotate", "revoke")
    _tokens: WeakKeyDictionary[HttpRequest, str] = (
        WeakKeyDictionary()
    )  # tokens of keys that were created by requests in progress

    @admin.display
    def state(self, key: Key) -> str:
        return key.state(timezone.now())

    @admin.display(description="last used", ordering="last_used_at")
    def used(self, key: Key) -> str:
        return f"{timesince(key.last_used_at, depth=1)} ago" if key.last_used_at else "never"

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, key: Key) -> str:
        if key.expires_at is None:
            return "never"
        past = key.expires_at <= timezone.now()
        return f"{timesince(key.expires_at, depth=1)} ago" if past else f"in {timeuntil(key.expires_at, depth=1)}"

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

    @admin.action(description="Rotate: make a second key, end the old one in a day", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[Key]) -> HttpResponse | None:
        valid = queryset.filter(revoked_at=None)
        if not valid:
            self.message_user(request, "A revoked key can't be rotated; make another one.", messages.ERROR)
            return None
        return self._show(request, [api_keys.rotate(key, by=request.user.get_username()) for key in valid])

    @admin.action(description="Revoke: end these keys now", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Key]) -> None:
        for key in queryset:
            api_keys.revoke(key)
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
    return code_samples(address, source=_example(key.sources[0]) if key.sources else EXAMPLE, key=token)


def _example(pattern: str) -> str:
    """Return a source that a pattern stands for."""
    return EXAMPLE if pattern == ANY else pattern.replace(ANY, "1")
