"""The base class of the operators' commands, of all apps; it is here since the others may import ingestion."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

# The tag of the system checks of the site's settings.
SETTINGS_TAG = "dataflow"


class OperatorCommand(BaseCommand):
    """Prints its help with the line breaks as written, and refuses to run with invalid settings."""

    # Django's own checks are for code, which `make check` covers; they would load all views and the admin first.
    requires_system_checks = (SETTINGS_TAG,)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)
