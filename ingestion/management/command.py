"""The base class and the shared options of the product's commands."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, SystemCheckError

# The tag of the system checks that validate the site's settings.
SETTINGS_TAG = "dataflow"


class ChecksSettings(BaseCommand):
    """Exits with 2 if a setting is wrong, as if a store were down: with 1 a command has found something."""

    def check(self, *args: Any, **kwargs: Any) -> None:
        """:raises SystemCheckError: with that exit code"""
        try:
            super().check(*args, **kwargs)
        except SystemCheckError as error:
            error.returncode = 2
            raise


class OperatorCommand(ChecksSettings):
    """Shows its help with its line breaks, and does not run with invalid settings.

    Commands of `processing` build on it too: apps import only from the apps that come before them in the data flow.
    """

    # Django's other checks validate code, which `make check` did. They would load every page and the admin first.
    requires_system_checks = (SETTINGS_TAG,)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)


def add_json(parser: ArgumentParser) -> None:
    """Add --json, as the option `as_json`."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="write one JSON object")


def add_dry_run(parser: ArgumentParser, meaning: str = "report what would be done; change nothing") -> None:
    """Add --dry-run."""
    parser.add_argument("--dry-run", action="store_true", help=meaning)
