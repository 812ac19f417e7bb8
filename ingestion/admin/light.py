"""What the pages of the admin share: lists by cursor, confirmed actions, forms that need no script."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Field
from django.forms import Field as FormField
from django.http import HttpRequest

from ingestion.admin.confirmed_actions import ConfirmedActions
from ingestion.admin.keyset import KeysetList


class LightAdmin(ConfirmedActions):
    """The admin of a model, whose lists may have any number of rows."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count without a bound
    whole_key: tuple[str, ...] = ("pk",)  # columns that tell all rows apart

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetList]:
        return KeysetList

    def formfield_for_dbfield(
        self,
        db_field: Field,  # type: ignore[type-arg]
        request: HttpRequest | None,
        **kwargs: Any,
    ) -> FormField | None:
        """Return the field without the links that open windows to add another object."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[arg-type]
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field
