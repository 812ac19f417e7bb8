"""`manage.py restore`: check a backup, or restore it."""

from __future__ import annotations

import io
from pathlib import Path

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import add_json
from processing.backup import checking, restore
from processing.backup.files import encryption, folder, manifest
from processing.backup.files.problem import BackupProblem
from processing.backup.restore import Restored
from processing.commandline.command import StoreCommand


class Command(StoreCommand):
    help = (
        "Restore a backup into the stores of this deployment. Stop consumers and `run_jobs` first; receivers go on, and\n"
        "what they accept is read from Kafka afterwards, with all that came after the backup: docs/backup.md.\n\n"
        "  manage.py restore --from DIR --verify                check the files, change nothing\n"
        "  manage.py restore --from DIR                         restore into empty stores\n"
        "  manage.py restore --from DIR --replace               delete what the stores hold, and restore\n"
        "  manage.py restore --from DIR --identity backup.key   of an encrypted backup\n"
        "  manage.py restore --from DIR --settings-to FILE      only write its settings into a file\n\n"
        "A restore that was stopped or killed is run again. Then start the consumers and, when the lag is 0, prove the\n"
        "result: manage.py reconcile.\n\n"
        "Exit code 0: done; 1: --verify found damage, or stopped; 2: wrong usage, a store is unavailable, it has data, or\n"
        "the backup can't be restored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", type=Path, required=True, dest="path", metavar="DIR", help="the folder of a backup"
        )
        parser.add_argument("--identity", type=Path, metavar="FILE", help="the file of the secret key")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--verify", action="store_true", help="check the backup; change nothing")
        what.add_argument("--replace", action="store_true", help="delete what the stores hold")
        what.add_argument("--settings-to", type=Path, metavar="FILE", help="write the settings; change nothing else")
        add_json(parser)

    def handle(
        self,
        *,
        path: Path,
        identity: Path | None,
        verify: bool,
        replace: bool,
        settings_to: Path | None,
        as_json: bool,
        **_options: object,
    ) -> None:
        """Exit with 1 if a check finds damage."""
        try:
            if settings_to is not None:
                restore.write_settings(path, identity, settings_to)
                self.report({"settings": str(settings_to)}, f"The settings are in {settings_to}.", as_json=as_json)
            elif verify:
                self._verify(path, identity, as_json=as_json)
            else:
                self._restore(path, identity, replace=replace, as_json=as_json)
        except BackupProblem as problem:
            raise CommandError(str(problem), returncode=2) from problem

    def _verify(self, path: Path, identity: Path | None, *, as_json: bool) -> None:
        path = folder.choose(path)
        found, identities = manifest.load(path), encryption.identities(identity)
        readable = checking.can_be_read(found, identities)
        with self.long_run("Can't verify: ", interrupted="Stopped.") as progress:
            damage = list(checking.find_damage(path, found, progress))
            if readable and not damage:
                damage = list(checking.find_gaps(path, found, identities, progress))
        depth = "sums and content are right" if readable else "the sums are right (--identity checks the content, too)"
        right = f"{path}: {depth}; {found.rows:,} events, {found.documents:,} documents of {found.begun:%Y-%m-%d %H:%M} UTC."
        shape = {"ok": not damage, "path": str(path), "contentRead": readable, "damage": damage}
        self.report(shape, "\n".join(damage) or right, as_json=as_json, ok=not damage)

    def _restore(self, path: Path, identity: Path | None, *, replace: bool, as_json: bool) -> None:
        interrupted = "Stopped. Run it again, which begins anew; start no consumer before it is done."
        with self.long_run("Can't restore: ", interrupted=interrupted) as progress:
            restored = restore.run(path, identity=identity, replace=replace, progress=progress)
        try:
            call_command("prepare_stores", stdout=io.StringIO(), stderr=io.StringIO())
        except CommandError as error:
            restored.notes.append(f"The topics were not looked at: {error} Run manage.py prepare_stores.")
        except SystemExit:
            restored.notes.append("The topics are not as set: manage.py prepare_stores tells how.")
        self.report(_shape(restored), _text(restored), as_json=as_json)


def _shape(restored: Restored) -> dict[str, object]:
    found = restored.manifest
    return {
        "path": str(restored.path),
        "id": found.id,
        "begun": found.begun.isoformat(),
        "rows": found.rows,
        "documents": found.documents,
        "notes": restored.notes,
    }


def _text(restored: Restored) -> str:
    found = restored.manifest
    return "\n".join(
        [
            f"Restored {found.rows:,} events and {found.documents:,} documents of {found.begun:%Y-%m-%d %H:%M} UTC.",
            *restored.notes,
            "Start the consumers and run_jobs; when the lag is 0: manage.py reconcile. Readers by SQL: manage.py list_readers.",
        ]
    )
