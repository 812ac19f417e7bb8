"""The admin of accounts and groups: who may sign in, and what for."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Field, Model, QuerySet
from django.forms import Field as FormField
from django.http import HttpRequest

from dataflow_site.access import user_sessions
from dataflow_site.admin.permission_choice import PermissionChoice
from ingestion.admin.light import LightAdmin
from ingestion.admin.relative_time import time_column
from ingestion.models import GroupSources


class _Ticked(LightAdmin):
    """Has boxes to tick for what an account or a group has many of."""

    def formfield_for_dbfield(
        self,
        db_field: Field,  # type: ignore[type-arg]
        request: HttpRequest | None,
        **kwargs: Any,
    ) -> FormField | None:
        if db_field.name in ("permissions", "user_permissions"):
            kwargs["form_class"] = PermissionChoice
        elif db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class AccountAdmin(_Ticked, UserAdmin):  # type: ignore[type-arg]  # not generic while it runs
    """Accounts. What only an operator of the site may do is refused for superusers' accounts to everyone else."""

    list_display = ("username", "state", "roles", "is_staff", *(map(time_column, ("last_login", "date_joined"))))
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    sortable_by = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    actions = ("activate", "deactivate", "sign_out")
    action_notes: ClassVar[dict[str, str]] = {
        "activate": "They may sign in again.",
        "deactivate": "They are signed out everywhere at once, and can't sign in until they are activated again. "
        "What they did stays in the log.",
        "sign_out": "Every browser in which they are signed in has to sign in again. The password stays.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def applies(self, action: str, obj: Model) -> bool:
        assert isinstance(obj, User)
        return obj.is_active is not (action == "activate")

    def state(self, user: User) -> str:
        if not user.is_active:
            return "deactivated"
        return "active" if user.has_usable_password() else "active, no password"

    def roles(self, user: User) -> str:
        named = sorted(group.name for group in user.groups.all())
        return ", ".join([*(["superuser"] if user.is_superuser else []), *named]) or "–"

    @admin.action(description="Activate", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._allowed(request, queryset):
            user.is_active = True
            user.save(update_fields=["is_active"])
            self.log_change(request, user, "Activated.")
            self.message_user(request, f"{user} may sign in again.")

    @admin.action(description="Deactivate", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        others = [user for user in self._allowed(request, queryset) if user != request.user]
        for user in others:
            user.is_active = False
            user.save(update_fields=["is_active"])
            user_sessions.end(user)
            self.log_change(request, user, "Deactivated.")
            self.message_user(request, f"{user} is deactivated and signed out.")
        if request.user in queryset:
            self.message_user(request, "Nobody deactivates the own account.", messages.ERROR)

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._allowed(request, queryset):
            ended = user_sessions.end(user)
            self.log_change(request, user, "Signed out everywhere.")
            self.message_user(request, f"{user} is signed out; sessions ended: {ended}.")

    def _allowed(self, request: HttpRequest, users: QuerySet[User]) -> list[User]:
        chosen = list(users)
        allowed = [user for user in chosen if request.user.is_superuser or not user.is_superuser]
        if len(allowed) < len(chosen):
            self.message_user(request, "The account of a superuser takes a superuser.", messages.ERROR)
        return allowed


class GroupSourcesInline(admin.StackedInline):  # type: ignore[type-arg]  # not generic while it runs
    """The sources that the users of a group may see."""

    model = GroupSources


class GroupWithSourcesAdmin(_Ticked, GroupAdmin):
    """A group grants permissions in the admin, as Django's do, or sources to see, or both."""

    inlines = (GroupSourcesInline,)
    list_display = ("name", "sources")
    list_select_related = ("read_sources",)
    filter_horizontal = ()
    sortable_by = ("name",)

    @admin.display(description="sources that its users may see")
    def sources(self, group: Group) -> str:
        """Return the patterns of a group."""
        return str(getattr(group, "read_sources", "as without the group"))
