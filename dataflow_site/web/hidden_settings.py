"""What Django's page of an error, shown with DATAFLOW_DEBUG=1 alone, must not show of the settings."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class HiddenSettings(SafeExceptionReporterFilter):
    """Hides addresses too: they may hold a user's password."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|URI|URL|CONNECTION", re.IGNORECASE
    )
