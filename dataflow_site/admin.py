"""What the admin is called, and which of Django's own models operators see."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group

admin.site.site_title = "data-flow-engine"
admin.site.site_header = "data-flow-engine"
admin.site.index_title = "What the pipeline holds"
admin.site.site_url = "/"
# Operators are users; nothing here is granted by group.
admin.site.unregister(Group)
