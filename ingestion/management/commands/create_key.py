"""`manage.py create_key`: make a key, or a second one for the same client."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from ingestion import keys
from ingestion.models import Key, Scope


class Command(BaseCommand):
    help = "Make a key and print it; it is stored nowhere and can't be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="who uses it, for lists and logs")
        parser.add_argument("--scope", action="append", choices=Scope.values, help="default: ingest; may be repeated")
        parser.add_argument("--source", action="append", default=[], help="only this source; may be repeated")
        parser.add_argument("--rate", default="", help='events:seconds, such as "200:1,5000:60"')
        parser.add_argument("--days", type=float, help="days until it expires; default: never")
        parser.add_argument("--rotate", metavar="PREFIX", help="make a second key like this one, which ends in a day")
        parser.add_argument("--expire", metavar="PREFIX", help="end this key in --days; without them: never")
        parser.add_argument("--revoke", metavar="PREFIX", help="end this key now")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(**options)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        except OperationalError as error:
            raise CommandError("PostgreSQL does not answer; nothing was changed.") from error

    def _handle(self, **options: Any) -> None:
        if options["revoke"]:
            keys.revoke(_key(options["revoke"]))
            self.stderr.write(f"The key {options['revoke']} is revoked.")
        elif options["expire"]:
            ends = _ends(options["days"])
            keys.expire(_key(options["expire"]), at=ends)
            self.stderr.write(
                f"The key {options['expire']} ends {f'at {ends:%Y-%m-%d %H:%M} UTC' if ends else 'never'}."
            )
        elif options["rotate"]:
            _, token = keys.rotate(_key(options["rotate"]))
            self.stderr.write(f"Both keys are valid now; {options['rotate']} ends in {keys.GRACE.days} day.")
            self.stdout.write(token)
        elif options["name"]:
            # The token alone, so that a script can take it.
            self.stdout.write(_created(options))
        else:
            raise CommandError("Say who the key is for: manage.py create_key NAME")


def _created(options: dict[str, Any]) -> str:
    _, token = keys.create(
        options["name"],
        options["scope"] or [Scope.INGEST],
        sources=options["source"],
        rate=options["rate"],
        expires_at=_ends(options["days"]),
    )
    return token


def _key(prefix: str) -> Key:
    key = Key.objects.filter(prefix=prefix).first()
    if key is None:
        raise CommandError(f"There is no key with the prefix {prefix}.")
    return key


def _ends(days: float | None) -> datetime | None:
    return None if days is None else timezone.now() + timedelta(days=days)
