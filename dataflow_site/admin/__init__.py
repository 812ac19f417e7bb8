"""What the admin is called, Django's own models in it, and the log of what was done; it may import every app."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User

from dataflow_site.admin.accounts import AccountAdmin, GroupWithSourcesAdmin
from dataflow_site.admin.audit import DeadLetterActionAdmin, LogEntryAdmin
from processing.models import DeadLetterAction

admin.site.site_title = "data-flow-engine"
admin.site.site_header = "data-flow-engine"
admin.site.index_title = "What the pipeline holds"
admin.site.site_url = "/"
admin.site.unregister([Group, User])
admin.site.register(Group, GroupWithSourcesAdmin)
admin.site.register(User, AccountAdmin)
admin.site.register(LogEntry, LogEntryAdmin)
admin.site.register(DeadLetterAction, DeadLetterActionAdmin)
