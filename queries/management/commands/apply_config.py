"""`manage.py apply_config`: make this site as a YAML file says."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import msgspec
from django.core.management.base import CommandError

from ingestion.management.command import add_dry_run, add_json
from processing.commandline.command import StoreCommand
from processing.configuration import applying, files, parsing
from processing.configuration.applying import Applied
from processing.logic.faults import InvalidLogic
from processing.logic.presentation import faults_text

WHO = "command line"


class Command(StoreCommand):
    help = (
        "Make the sources, units, lookup tables, schemas and rules of this site as FILE says, all of it or nothing. What\n"
        "changed is shown; doing it again changes nothing. What FILE does not name stays as it is.\n\n"
        "  manage.py apply_config site.yaml --dry-run  show what would change\n"
        "  manage.py apply_config site.yaml\n"
        "  manage.py apply_config site.yaml --prune    remove what the file does not name\n\n"
        "Exit code 0: done, or nothing would change (--dry-run); 1: something would change (--dry-run), or the file is\n"
        "refused; 2: wrong usage, the file can't be read, or PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the file and the options."""
        parser.add_argument("file", metavar="FILE", help="as `manage.py export_config` writes it")
        parser.add_argument("--prune", action="store_true", help="remove what FILE does not name, sources too")
        parser.add_argument("--reason", default="", help="why, for the list of revisions")
        add_dry_run(parser, "show what would change; exit with 1 if anything would")
        add_json(parser)

    def handle(self, *, file: str, prune: bool, reason: str, dry_run: bool, as_json: bool, **_: object) -> None:
        """Apply it, and exit with 1 if a dry run finds differences."""
        try:
            with self.store_errors():
                parsed = files.read(Path(file))
                with parsing.placed(parsed.document):
                    applied = applying.apply(parsed.configuration, who=WHO, prune=prune, dry_run=dry_run, reason=reason)
        except InvalidLogic as error:
            raise CommandError(faults_text.lines(error.faults, file=file)) from error
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}", returncode=2) from error
        ok = not (dry_run and applied.changed)
        self.report(_shape(applied, dry_run=dry_run), _text(applied, dry_run=dry_run), as_json=as_json, ok=ok)


def _shape(applied: Applied, *, dry_run: bool) -> dict[str, object]:
    return {
        "dryRun": dry_run,
        "changed": applied.changed,
        "revision": applied.revision,
        "sources": msgspec.to_builtins(applied.sources),
        "changes": msgspec.to_builtins(applied.changes),
    }


def _text(applied: Applied, *, dry_run: bool) -> str:
    if not applied.changed:
        return "Nothing differs."
    end = "This would change." if dry_run else f"Applied; revision {applied.revision} is current."
    return f"{applied.text}\n{end}"
