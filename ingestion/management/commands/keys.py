"""`manage.py keys`: the API keys with their use and secret, those that nobody needs, and revoking them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.timesince import timesince

from ingestion.auth import api_keys, tokens
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
    Column("BY", least=8, spare=2),
    Column("SECRET", spare=3),
)
TONES: dict[str, Tone] = {"valid": "good", "expired": "unknown", "revoked": "unknown"}


class Command(OperatorCommand):
    help = (
        "List the API keys, newest first, or revoke some. `create_key` makes, rotates and expires them.\n\n"
        "  manage.py keys\n"
        "  manage.py keys --unused 90       valid keys that were not used for 90 days\n"
        "  manage.py keys --old-secret      valid keys that end when DATAFLOW_SECRET_KEY_FALLBACKS is emptied:\n"
        "                                   they were not used since the secret was changed\n"
        "  manage.py keys revoke 1a2b3c4d 5e6f7a8b      by their prefixes; every receiver refuses them at once\n\n"
        "A key's last use is a minute or two behind, and unknown (–) before its first use.\n\n"
        "Exit code 0: done; with --unused or --old-secret: there is none; 1: there are some, or there is no key to revoke, and\n"
        "none was; 2: wrong usage, or PostgreSQL is unavailable."
    )
    default_action = "list"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("list", "revoke"))
        parser.add_argument("prefixes", nargs="*", metavar="PREFIX", help="of the keys to revoke")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--unused", type=float, metavar="DAYS", help="valid keys that were not used for so long")
        which.add_argument("--old-secret", action="store_true", help="valid keys that hang on another secret")
        add_json(parser)

    def handle(
        self,
        *,
        action: str,
        prefixes: list[str],
        unused: float | None,
        old_secret: bool,
        as_json: bool,
        **_options: Any,
    ) -> None:
        """Exit with 1 if keys were looked for and found, or there is no such key; with 2 if PostgreSQL does not answer."""
        looks = unused is not None or old_secret
        if bool(prefixes) is not (action == "revoke") or (prefixes and looks):
            raise CommandError("Name the keys to revoke by their prefixes: manage.py keys revoke PREFIX", returncode=2)
        keys = _revoked(prefixes) if prefixes else list(_chosen(unused=unused, old_secret=old_secret))
        if as_json:
            self.stdout.write(json.dumps({"keys": [api_keys.shape(key) for key in keys]}, indent=2))
        elif prefixes:
            self.stdout.write("\n".join(f"The key {key} is revoked." for key in keys))
        else:
            none = "There is no such key." if looks else "There is no key."
            self.stdout.write("\n".join(table(COLUMNS, _rows(keys), self.terminal)) if keys else none)
        if keys and looks:
            sys.exit(1)


def _chosen(*, unused: float | None, old_secret: bool) -> QuerySet[Key]:
    now = timezone.now()
    valid = Key.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    if unused is not None:
        since = now - timedelta(days=unused)
        return valid.filter(Q(last_used_at=None) | Q(last_used_at__lt=since), created_at__lt=since)
    return valid.exclude(secret_id=tokens.secret_id()) if old_secret else Key.objects.all()


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
        key.created_by or "–",
        _secret(key),
    )


def _secret(key: Key) -> str:
    if not key.secret_id:
        return "–"
    return "current" if key.secret_id == tokens.secret_id() else "old"


def _ago(moment: datetime | None, now: datetime) -> str:
    # Django puts a blank into it that does not break.
    return f"{timesince(moment, now, depth=1)} ago".replace("\xa0", " ") if moment else "–"
