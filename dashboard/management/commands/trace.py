"""`manage.py trace`: what became of one event, step by step."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from dashboard.terminal import trace
from ingestion.auth.read_scope import EVERYTHING
from ingestion.management.command import add_json
from ingestion.management.postgres_refusals import why_unavailable
from ingestion.problems import Code, RequestRejected
from processing.commandline.command import StoreCommand
from queries.events.detail import AmbiguousEvent, EventUncertain
from queries.reads.postgres import ReadUnavailable
from queries.trace import trace as reads


class Command(StoreCommand):
    help = (
        "Show what became of one event: received, published, processed, stored, or a dead letter with what was done\n"
        "about it.\n\n"
        "  manage.py trace 6f1c2f0e-6a0d-5f0a-9d1e-0b7f4e1a2c3d\n"
        "  manage.py trace 6f1c2f0e-6a0d-5f0a-9d1e-0b7f4e1a2c3d --source sensor-123      if several sources sent that id\n\n"
        "Exit code 0: shown; 1: no such event is known, or several are; 2: a store is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event_id", type=UUID, metavar="EVENT_ID")
        parser.add_argument("--source", help="the source that sent it")
        add_json(parser)

    def handle(self, *, event_id: UUID, source: str | None, as_json: bool, **_options: object) -> None:
        """Exit with 1 if the event is not known."""
        try:
            with self.store_errors():
                found = reads.read(event_id, source_id=source, scope=EVERYTHING, raw=True)
        except RequestRejected as error:
            raise CommandError(
                _sentence(error), returncode=2 if error.code == Code.BROKER_UNAVAILABLE else 1
            ) from error
        except AmbiguousEvent as error:
            names = ", ".join(error.sources)
            raise CommandError(f"Several sources sent this id; name one by --source: {names}.") from error
        except EventUncertain as error:
            raise CommandError("MongoDB, which leads to the event, does not answer.", returncode=2) from error
        except ReadUnavailable as error:
            raise CommandError(why_unavailable(), returncode=2) from error
        self.report({**found}, trace.render(found, self.terminal), as_json=as_json)


def _sentence(error: RequestRejected) -> str:
    return f"{error.detail[:1].upper()}{error.detail[1:]}."
