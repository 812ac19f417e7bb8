"""Lists the partitions that are held, and resumes them."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import OperatorCommand
from processing import holds
from processing.failures import POSTGRESQL_AWAY, NeedsOperator, StoreUnavailable, postgresql_in_words
from processing.models import Hold

WHO = "command line"


class Command(OperatorCommand):
    help = (
        "List the partitions of raw-data that the dead letter breaker holds, and resume them. A partition is held when\n"
        "200 of its events in a row, or more than 200 of its last 1,000, became dead letters. Nothing of it is dropped:\n"
        "its records wait in Kafka, for as long as the topic's retention.\n\n"
        "  manage.py partitions list\n"
        "  manage.py partitions resume raw-data 3                  go on and count anew; it may be held again\n"
        "  manage.py partitions resume raw-data 3 --through-end    what is in it now may all become dead letters\n"
        "  manage.py partitions resume --all --dry-run\n\n"
        "Exit code 0: done; 1: some are held (list), or what was to be resumed is not held; 2: wrong usage, or a\n"
        "store is away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="say which are held, since when and why")
        resume = actions.add_parser("resume", help="let consumers, within seconds, read on")
        resume.add_argument("topic", nargs="?")
        resume.add_argument("partition", nargs="?", type=int)
        resume.add_argument("--all", action="store_true", dest="everything", help="all that are held")
        resume.add_argument(
            "--through-end", action="store_true", help="do not count dead letters up to the present end"
        )
        resume.add_argument("--dry-run", action="store_true", help="say what it would do, and change nothing")
        for action in (listing, resume):
            action.add_argument("--json", action="store_true", help="write one JSON object")

    def handle(self, *, action: str, json: bool, **options: Any) -> None:
        """Do it and say what was done."""
        try:
            found = list(holds.held_now())
            if action == "list":
                self._list(found, as_json=json)
            else:
                self._resume(_chosen(found, options), as_json=json, **options)
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(str(error), returncode=2) from error
        except POSTGRESQL_AWAY as error:
            raise CommandError(postgresql_in_words(error), returncode=2) from error

    def _list(self, found: list[Hold], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"held": [_shape(one) for one in found]}, indent=2))
        else:
            lines = [f"{_name(one)}  held since {_time(one)}: {one.reason}" for one in found]
            self.stdout.write("\n".join(lines or ["No partition is held."]))
        if found:
            sys.exit(1)

    def _resume(
        self, chosen: list[Hold], *, as_json: bool, through_end: bool, dry_run: bool, **_options: object
    ) -> None:
        lenient = holds.present_ends() if through_end else {}
        if not dry_run:
            for one in chosen:
                holds.resume(one, who=WHO, lenient_until=lenient.get(one.partition, 0))
        if as_json:
            shapes = [{**_shape(one), "lenientUntil": lenient.get(one.partition, 0)} for one in chosen]
            self.stdout.write(json.dumps({"dryRun": dry_run, "resumed": shapes}, indent=2))
            return
        verb = "would be resumed" if dry_run else "resumed"
        for one in chosen:
            end = f", leniently up to offset {lenient[one.partition]}" if through_end else ""
            self.stdout.write(f"{_name(one)}  {verb}{end}")


def _chosen(found: list[Hold], options: dict[str, Any]) -> list[Hold]:
    topic, partition = options["topic"], options["partition"]
    if options["everything"] == (topic is not None or partition is not None):
        raise CommandError("Say either a topic and a partition, or --all.", returncode=2)
    if options["everything"]:
        return found
    if partition is None:
        raise CommandError("Say which partition of the topic.", returncode=2)
    chosen = [one for one in found if (one.topic.name, one.partition) == (topic, partition)]
    if not chosen:
        raise CommandError(f"{topic}/{partition} is not held.")
    return chosen


def _shape(one: Hold) -> dict[str, object]:
    return {"topic": one.topic.name, "partition": one.partition, "since": _time(one), "reason": one.reason}


def _name(one: Hold) -> str:
    return f"{one.topic.name}/{one.partition}"


def _time(one: Hold) -> str:
    return one.since.isoformat(timespec="seconds").replace("+00:00", "Z")
