"""The scripts of the admin's pages: Django's own are 500 KB, of which lists and plain forms use next to nothing."""

from __future__ import annotations

from django.contrib import admin
from django.forms import Media


class LightAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic while it runs
    """The admin of a model whose forms have plain fields: no pop-ups, no inlines, nothing that is filled in by itself."""

    @property
    def media(self) -> Media:
        """The scripts of every page of the model."""
        return Media(js=["admin/js/core.js", *(["admin/js/actions.js"] if self.actions else [])])
