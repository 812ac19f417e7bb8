"""What the operators' commands have in common."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

# The system checks that look at the site's settings carry it.
SETTINGS_TAG = "dataflow"


class OperatorCommand(BaseCommand):
    """Shows its help as it is written, and refuses to run with wrong settings."""

    # Django's own checks judge code, which `make check` did; they would load every page and the admin first.
    requires_system_checks = (SETTINGS_TAG,)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)
