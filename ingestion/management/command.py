"""The base class and the shared options of the product's commands."""

from __future__ import annotations

import logging
import sys
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, SystemCheckError
from django.db import InterfaceError, InternalError, OperationalError

from ingestion.management.postgres_refusals import why_unavailable
from ingestion.management.terminal import Terminal

# The tag of the system checks that validate the site's settings.
SETTINGS_TAG = "dataflow"
# Django's own work as ever, and are left out of --help: the help is about the command.
FLAGS = {"--traceback", "--no-color", "--force-color", "--skip-checks"}
VALUES = {"--verbosity", "-v", "--settings", "--pythonpath"}
BASE_OPTIONS = {"--version", *FLAGS, *VALUES}
MIGRATE = "PostgreSQL lacks a table or column: run manage.py migrate."
# undefined_table, undefined_column, undefined_function: https://www.postgresql.org/docs/18/errcodes-appendix.html
LACKING = {"42P01", "42703", "42883"}
UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
LOGS_FROM = 2  # the verbosity from which every command shows its log


@contextmanager
def log_apart(*, hidden: bool) -> Iterator[None]:
    """Keep the log out of what a command answers: on standard error, and only warnings if the rest is `hidden`."""
    before = logging.root.manager.disable
    moved = [
        each for each in logging.root.handlers if isinstance(each, logging.StreamHandler) and each.stream is sys.stdout
    ]
    for handler in moved:
        handler.setStream(sys.stderr)
    if hidden:
        logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
        for handler in moved:
            handler.setStream(sys.stdout)


@contextmanager
def database_errors() -> Iterator[None]:
    """Say in a sentence what to do about PostgreSQL, where a command itself does not.

    :raises CommandError: exit code 1, migrations wait; 2, PostgreSQL is unavailable
    """
    try:
        yield
    except Exception as error:
        if _lacks_migrations(error):
            raise CommandError(MIGRATE, returncode=1) from error
        if isinstance(error, UNAVAILABLE):
            raise CommandError(why_unavailable(), returncode=2) from error
        raise


def _lacks_migrations(error: BaseException | None) -> bool:
    """Return whether an error, or one that it came from, is about a table, column or function that is not there."""
    while error is not None:
        if getattr(error, "sqlstate", None) in LACKING:
            return True
        error = error.__cause__ or error.__context__
    return False


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
    suppressed_base_arguments = BASE_OPTIONS
    # The word that is meant where none is given; empty: the command has none, or needs one.
    default_action: ClassVar[str] = ""
    # Whether its log is what an operator reads of it. Of other commands that is their answer, in which no line of a log
    # belongs; warnings are shown.
    is_worker: ClassVar[bool] = False
    _called_from_command_line: bool
    _colours: bool | None = None  # as asked for by an option

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as named on the command line."""
        super().run_from_argv(self._with_action(argv))

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run with parsed options."""
        self._colours = True if options["force_color"] else False if options["no_color"] else None
        apart = self._called_from_command_line and not self.is_worker
        hidden = options["verbosity"] < LOGS_FROM
        with log_apart(hidden=hidden) if apart else nullcontext(), database_errors():
            output: str | None = super().execute(*args, **options)
        return output

    @property
    def terminal(self) -> Terminal:
        """Return how wide the output is, and whether it shows colours."""
        found = Terminal.of(self.stdout)
        return found if self._colours is None else replace(found, colours=self._colours)

    def _with_action(self, argv: list[str]) -> list[str]:
        place = 2
        while place < len(argv) and (argv[place] in FLAGS or argv[place].partition("=")[0] in VALUES):
            place += 2 if argv[place] in VALUES else 1
        own = argv[place:]
        is_option = own and own[0].startswith("-") and own[0] not in {"-h", "--help", "--version"}
        if self.default_action and (not own or is_option):
            return [*argv[:place], self.default_action, *own]
        return argv

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)
        # The one option that Django adds past `suppressed_base_arguments`.
        for action in parser._actions:  # noqa: SLF001
            if "--skip-checks" in action.option_strings:
                action.help = SUPPRESS
        return parser


def add_json(parser: ArgumentParser) -> None:
    """Add --json, as the option `as_json`."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="write one JSON object")


def add_dry_run(parser: ArgumentParser, meaning: str = "report what would be done; change nothing") -> None:
    """Add --dry-run."""
    parser.add_argument("--dry-run", action="store_true", help=meaning)
