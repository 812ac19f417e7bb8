"""`manage.py list_keys`: who made each API key, when it was last used, and which hang on an old secret."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Q, QuerySet
from django.utils import timezone

from ingestion.auth import api_keys, tokens
from ingestion.management.command import OperatorCommand, add_json
from ingestion.management.tables import Column, table
from ingestion.models import Key

COLUMNS = (
    Column("PREFIX"),
    Column("NAME", least=8),
    Column("SCOPES", least=6),
    Column("SOURCES", least=8),
    Column("CREATED", spare=2),
    Column("BY", least=8, spare=3),
    Column("LAST USED", spare=1),
    Column("STATE"),
    Column("SECRET", spare=4),
)


class Command(OperatorCommand):
    help = (
        "List the API keys, newest first; their tokens are not stored.\n\n"
        "  manage.py list_keys\n"
        "  manage.py list_keys --unused 90       valid keys that were not used for 90 days\n"
        "  manage.py list_keys --old-secret      valid keys that end when DATAFLOW_SECRET_KEY_FALLBACKS is emptied:\n"
        "                                        they were not used since the secret was changed\n\n"
        "A key's last use is a minute or two behind, and unknown (–) before its first use.\n\n"
        "Exit code 0: done; with --unused or --old-secret: there is none; 1: there are some; 2: PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--unused", type=float, metavar="DAYS", help="valid keys that were not used for so long")
        which.add_argument("--old-secret", action="store_true", help="valid keys that hang on another secret")
        add_json(parser)

    def handle(self, *, unused: float | None, old_secret: bool, as_json: bool, **_options: Any) -> None:
        """Exit with 1 if keys were looked for and found, with 2 if PostgreSQL does not answer."""
        keys = list(_chosen(unused=unused, old_secret=old_secret))
        if as_json:
            self.stdout.write(json.dumps({"keys": [api_keys.shape(key) for key in keys]}, indent=2))
        else:
            self.stdout.write(
                "\n".join(table(COLUMNS, list(map(_row, keys)), self.terminal)) if keys else "There is no such key."
            )
        if keys and (unused is not None or old_secret):
            sys.exit(1)


def _chosen(*, unused: float | None, old_secret: bool) -> QuerySet[Key]:
    now = timezone.now()
    valid = Key.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    if unused is not None:
        since = now - timedelta(days=unused)
        return valid.filter(Q(last_used_at=None) | Q(last_used_at__lt=since), created_at__lt=since)
    return valid.exclude(secret_id=tokens.secret_id()) if old_secret else Key.objects.all()


def _row(key: Key) -> tuple[str, ...]:
    return (
        key.prefix,
        key.name,
        ",".join(key.scopes),
        ",".join(key.sources) or "all",
        _shown(key.created_at),
        key.created_by or "–",
        _shown(key.last_used_at),
        key.state(timezone.now()),
        _secret(key),
    )


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def _secret(key: Key) -> str:
    if not key.secret_id:
        return "–"
    return "current" if key.secret_id == tokens.secret_id() else "old"
