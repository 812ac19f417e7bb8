"""The choice of permissions as boxes to tick, one group for each model: usable without a script."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.forms.models import ModelChoiceIterator
from django.template.loader import render_to_string
from django.utils.safestring import SafeString


class _ByModel(ModelChoiceIterator):  # type: ignore[type-arg]  # not generic while it runs
    """The permissions in groups."""

    def __iter__(self) -> Iterator[tuple[str, list[tuple[Any, str]]]]:  # type: ignore[override]  # as Django's with groups
        permissions: Iterator[Permission] = self.queryset.select_related("content_type").iterator()
        for content, group in groupby(permissions, key=lambda each: each.content_type):
            yield f"{content.app_label}: {content.name}", [self.choice(each) for each in group]


class PermissionBoxes(CheckboxSelectMultiple):
    """A fieldset for each model."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        return render_to_string("admin/permission_boxes.html", self.get_context(name, value, attrs))


class PermissionChoice(ModelMultipleChoiceField):  # type: ignore[type-arg]  # not generic while it runs
    """Permissions by model."""

    widget = PermissionBoxes
    iterator = _ByModel

    def label_from_instance(self, obj: Model) -> str:
        assert isinstance(obj, Permission)
        return obj.name
