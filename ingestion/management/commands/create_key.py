"""`manage.py create_key`: create, rotate, expire or revoke an API key."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import InternalError, OperationalError
from django.utils import timezone

from ingestion.auth import api_keys
from ingestion.management import new_key
from ingestion.management.command import OperatorCommand, add_dry_run, add_json
from ingestion.management.postgres_refusals import why_unavailable
from ingestion.models import Key, Scope

WHO = "command line"


class Command(OperatorCommand):
    help = (
        "Create a key and print it; it is not stored and can't be shown again. Or rotate, expire or revoke a key.\n\n"
        "  manage.py create_key meter-7 --source sensor-123 --rate 200:1,5000:60\n"
        "  manage.py create_key plant --source 'plant-*' --scope read\n"
        "  manage.py create_key operator --scope read --scope admin --days 30\n"
        "  manage.py create_key --rotate 1a2b3c4d              create a second key like it; the first expires in a day\n"
        "  manage.py create_key --expire 1a2b3c4d --days 30\n"
        "  manage.py create_key --revoke 1a2b3c4d --dry-run    check that the key exists, and whose it is\n\n"
        "On a terminal it says what the key may do and how to try it. Elsewhere, and with --quiet, only the token goes to\n"
        "standard output; messages go to standard error.\n\n"
        "Exit code 0: done; 1: there is no such key; 2: wrong usage, or PostgreSQL is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("name", nargs="?", help="the client that uses it, for lists and logs")
        which.add_argument(
            "--rotate", metavar="PREFIX", help="create a second key like this one, which expires in a day"
        )
        which.add_argument("--expire", metavar="PREFIX", help="expire this key in --days; without --days: never")
        which.add_argument("--revoke", metavar="PREFIX", help="revoke this key now")
        parser.add_argument("--scope", action="append", choices=Scope.values, help="default: ingest; may be repeated")
        parser.add_argument(
            "--source",
            action="append",
            default=[],
            help="only this source, or all of a pattern such as 'plant-*'; may be repeated",
        )
        parser.add_argument("--rate", default="", help='events:seconds, such as "200:1,5000:60"')
        parser.add_argument("--days", type=float, help="days until it expires; default: never")
        parser.add_argument("--quiet", action="store_true", help="write the token alone, on a terminal too")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *, as_json: bool, dry_run: bool, quiet: bool, **options: Any) -> None:
        """Exit with 1 if there is no such key, with 2 if PostgreSQL takes no changes."""
        try:
            key, token, message = _act(options, dry_run=dry_run)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages), returncode=2) from error
        # InternalError: PostgreSQL is read-only.
        except (OperationalError, InternalError) as error:
            raise CommandError(f"Nothing was changed. {why_unavailable()}", returncode=2) from error
        if as_json:
            self.stdout.write(_as_json(key, token, dry_run=dry_run))
            return
        if message or dry_run:
            self.stderr.write(f"Would do: {message}" if dry_run else message)
        if token:
            # Scripts take what is written as the token.
            is_read = self.terminal.live and not quiet
            self.stdout.write(new_key.render(key, token, self.terminal) if is_read else token)


def _act(options: dict[str, Any], *, dry_run: bool) -> tuple[Key, str, str]:
    """Return the key, the token if it is a new key, and a message."""
    if prefix := options["rotate"]:
        return _rotate(_key(prefix), dry_run=dry_run)
    if prefix := options["expire"]:
        return _expire(_key(prefix), _expiry(options["days"]), dry_run=dry_run)
    if prefix := options["revoke"]:
        key = _key(prefix)
        if not dry_run:
            api_keys.revoke(key)
        return key, "", f"The key {key} is revoked."
    if options["name"]:
        return _create(options, dry_run=dry_run)
    raise CommandError("Name the client that the key is for: manage.py create_key NAME", returncode=2)


def _create(options: dict[str, Any], *, dry_run: bool) -> tuple[Key, str, str]:
    key, token = api_keys.create(
        options["name"],
        options["scope"] or [Scope.INGEST],
        sources=options["source"],
        rate=options["rate"],
        expires_at=_expiry(options["days"]),
        by=WHO,
        dry_run=dry_run,
    )
    if dry_run:
        key.prefix = ""  # it is not stored
        return key, "", f"A key for {key.name} is created."
    return key, token, ""


def _rotate(key: Key, *, dry_run: bool) -> tuple[Key, str, str]:
    message = f"Both keys are valid now; {key} expires in {api_keys.GRACE.days} day."
    return (key, "", message) if dry_run else (*api_keys.rotate(key, by=WHO), message)


def _expire(key: Key, expires_at: datetime | None, *, dry_run: bool) -> tuple[Key, str, str]:
    if not dry_run:
        api_keys.expire(key, at=expires_at)
    return key, "", f"The key {key} expires {f'at {expires_at:%Y-%m-%d %H:%M} UTC' if expires_at else 'never'}."


def _as_json(key: Key, token: str, *, dry_run: bool) -> str:
    return json.dumps({"dryRun": dry_run, "key": api_keys.shape(key), "token": token or None}, indent=2)


def _key(prefix: str) -> Key:
    key = Key.objects.filter(prefix=prefix).first()
    if key is None:
        raise CommandError(f"There is no key with the prefix {prefix}.")
    return key


def _expiry(days: float | None) -> datetime | None:
    return None if days is None else timezone.now() + timedelta(days=days)
