"""`manage.py keys`: the API keys in a table that fits the terminal; revokes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.timesince import timesince

from ingestion.auth import api_keys
from ingestion.management.command import OperatorCommand, add_json
from ingestion.management.tables import Cell, Column, Row, table
from ingestion.management.terminal import Tone
from ingestion.models import Key

COLUMNS = (
    Column("STATE"),
    Column("NAME", least=10),
    Column("PREFIX"),
    Column("MAY", least=6),
    Column("SOURCES", least=8),
    Column("LAST USED"),
    Column("MADE", spare=1),
)
TONES: dict[str, Tone] = {"valid": "good", "expired": "unknown", "revoked": "unknown"}


class Command(OperatorCommand):
    help = (
        "List the API keys, newest first, or revoke some. `create_key` makes, rotates and expires them, and `list_keys` finds\n"
        "those that are not used.\n\n"
        "  manage.py keys\n"
        "  manage.py keys revoke 1a2b3c4d 5e6f7a8b      by their prefixes; every receiver refuses them at once\n\n"
        "Exit code 0: done; 1: there is no such key, and none was revoked; 2: wrong usage, or PostgreSQL is unavailable."
    )
    default_action = "list"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("list", "revoke"))
        parser.add_argument("prefixes", nargs="*", metavar="PREFIX", help="of the keys to revoke")
        add_json(parser)

    def handle(self, *, action: str, prefixes: list[str], as_json: bool, **_options: Any) -> None:
        """Exit with 1 if there is no such key, with 2 if PostgreSQL does not answer."""
        if bool(prefixes) is not (action == "revoke"):
            raise CommandError("Name the keys to revoke by their prefixes: manage.py keys revoke PREFIX", returncode=2)
        keys = _revoked(prefixes) if prefixes else list(Key.objects.all())
        if as_json:
            self.stdout.write(json.dumps({"keys": [api_keys.shape(key) for key in keys]}, indent=2))
        elif prefixes:
            self.stdout.write("\n".join(f"The key {key} is revoked." for key in keys))
        else:
            self.stdout.write("\n".join(table(COLUMNS, _rows(keys), self.terminal)) if keys else "There is no key.")


def _revoked(prefixes: list[str]) -> list[Key]:
    keys = list(Key.objects.filter(prefix__in=prefixes))
    unknown = set(prefixes) - {key.prefix for key in keys}
    if unknown:
        raise CommandError(f"There is no key with the prefix {', '.join(sorted(unknown))}; none was revoked.")
    for key in keys:
        api_keys.revoke(key)
    return keys


def _rows(keys: Iterable[Key]) -> list[Row]:
    now = timezone.now()
    return [_row(key, now) for key in keys]


def _row(key: Key, now: datetime) -> Row:
    state = key.state(now)
    return (
        Cell(state, TONES[state]),
        key.name,
        key.prefix,
        ",".join(key.scopes),
        ",".join(key.sources) or "all",
        _ago(key.last_used_at, now),
        _ago(key.created_at, now),
    )


def _ago(moment: datetime | None, now: datetime) -> str:
    # Django puts a blank into it that does not break.
    return f"{timesince(moment, now, depth=1)} ago".replace("\xa0", " ") if moment else "–"
