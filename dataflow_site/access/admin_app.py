"""Registers Django's admin with the site of operators."""

from __future__ import annotations

from django.contrib.admin.apps import SimpleAdminConfig


class OperatorAdminConfig(SimpleAdminConfig):
    """Names the site by its path, so that only the web process loads it."""

    default_site = "dataflow_site.access.admin_site.OperatorSite"
