"""`manage.py export_config`: the sources and the logic of this site as YAML."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import CommandError

from processing.commandline.command import StoreCommand
from processing.configuration import exporting, files, yaml_writer


class Command(StoreCommand):
    help = (
        "Write the sources, units, lookup tables, schemas and rules of this site as YAML, always in the same order and\n"
        "without secrets. `manage.py apply_config` makes another site the same.\n\n"
        "  manage.py export_config                    to the terminal\n"
        "  manage.py export_config site.yaml          to a file\n"
        "  manage.py export_config site.yaml --split  lookup tables as CSV files beside it\n\n"
        "Exit code 0: done; 2: a file can't be written, or PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the file."""
        parser.add_argument("file", metavar="FILE", nargs="?", help="where to write it")
        parser.add_argument("--split", action="store_true", help="write lookup tables as CSV files beside FILE")

    def handle(self, *, file: str | None, split: bool, **_: object) -> None:
        """Write it."""
        if split and file is None:
            raise CommandError("--split needs FILE", returncode=2)
        with self.store_errors():
            found = exporting.current()
        if file is None:
            self.stdout.write(yaml_writer.write(found), ending="")
            return
        try:
            files.write(found, Path(file), split=split)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from error
