"""The base class of commands that use the stores: errors become exit codes, outcomes become text or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from ingestion.management.command import OperatorCommand
from processing.commandline.progress import CommandInterrupted, Progress, stoppable
from processing.errors import (
    POSTGRESQL_AWAY,
    NeedsOperator,
    StoreUnavailable,
    postgres_errors,
    postgresql_in_words,
)
from processing.stores import postgres


@contextmanager
def store_errors(prefix: str = "") -> Iterator[None]:
    """Exit with 2 if a store is unavailable or needs an operator.

    :param prefix: what could not be done; stands before the error
    """
    try:
        yield
    except (StoreUnavailable, NeedsOperator) as error:
        raise CommandError(f"{prefix}{error}", returncode=2) from error
    except POSTGRESQL_AWAY as error:
        raise CommandError(f"{prefix}{_why(error)}", returncode=2) from error


class StoreCommand(OperatorCommand):
    """Exit code 0: done; 1: done, but not all is well, or interrupted; 2: wrong usage, or a store is unavailable."""

    json_indent: ClassVar[int | None] = 2

    def store_errors(self, prefix: str = "") -> AbstractContextManager[None]:
        """Exit with 2 if a store is unavailable or needs an operator; the text begins with `prefix`."""
        return store_errors(prefix)

    @contextmanager
    def long_run(self, prefix: str, *, interrupted: str) -> Iterator[Progress]:
        """Show progress; exit with 1 if a signal arrives, and as `store_errors` does.

        :param interrupted: what to say after a signal
        """
        try:
            with self.store_errors(prefix), stoppable(Progress()) as progress:
                yield progress
        except CommandInterrupted as error:
            raise CommandError(interrupted) from error

    def report(self, shape: Mapping[str, object], text: str, *, as_json: bool, ok: bool = True) -> None:
        """Write the outcome, and exit with 1 unless it is `ok`.

        :param shape: the outcome for programs
        :param text: the outcome for people
        """
        self.stdout.write(json.dumps(shape, indent=self.json_indent, ensure_ascii=False) if as_json else text)
        if not ok:
            sys.exit(1)


def _why(error: DatabaseError) -> str:
    """Return why PostgreSQL can't be used: Django's pool only reports that it has no connection."""
    try:
        with postgres_errors():
            postgres.connect().close()
    except NeedsOperator as refusal:
        return str(refusal)
    except StoreUnavailable:
        pass
    return postgresql_in_words(error)
