"""What the admin is called, and which of Django's own models operators see."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from ingestion.models import GroupSources

admin.site.site_title = "data-flow-engine"
admin.site.site_header = "data-flow-engine"
admin.site.index_title = "What the pipeline holds"
admin.site.site_url = "/"
admin.site.unregister(Group)


class GroupSourcesInline(admin.StackedInline):  # type: ignore[type-arg]  # not generic while it runs
    """The sources that the users of a group may see."""

    model = GroupSources


@admin.register(Group)
class GroupWithSourcesAdmin(GroupAdmin):
    """A group grants permissions in the admin, as Django's do, or sources to see, or both."""

    inlines = [GroupSourcesInline]
    list_display = ["name", "sources"]
    list_select_related = ["read_sources"]

    @admin.display(description="sources that its users may see")
    def sources(self, group: Group) -> str:
        """Return the patterns of a group."""
        return str(getattr(group, "read_sources", "as without the group"))
