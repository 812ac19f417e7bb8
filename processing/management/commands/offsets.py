"""Shows and moves the consumer group's offsets."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import OperatorCommand
from processing import event_range, reset_offsets
from processing.consumer_group import EARLIEST, LATEST, GroupActive, Target, open_group
from processing.failures import POSTGRESQL_AWAY, NeedsOperator, StoreUnavailable, postgresql_in_words
from processing.reset_offsets import Move, Position


class Command(OperatorCommand):
    help = (
        "Show where the consumers stand in raw-data, or move them while none runs.\n\n"
        "  manage.py offsets show                                     earliest, end, committed, progress, lag\n"
        "  manage.py offsets reset --to earliest --dry-run            what a reset would do\n"
        "  manage.py offsets reset --to latest --partition 3          never read what waits in partition 3\n"
        "  manage.py offsets reset --to 2026-03-01T12:00:00Z          from the first record of that time on\n"
        "  manage.py offsets reset --to 2026-03-01                    of that day, by UTC, on\n"
        "  manage.py offsets reset --to 4711 --partition 3\n\n"
        "Forward: the records between are never read; a gap in the ledger and an incident say so. Back: PostgreSQL\n"
        "knows which records have their effects, so nothing is stored, counted or set aside a second time; their events\n"
        "are published to processed-data once more. What lies outside of the topic becomes its border.\n\n"
        "Exit code 0: done; 1: refused, since consumers are running (one that was killed counts for ten seconds);\n"
        "2: wrong usage, or a store is away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("show", help="say where each partition stands")
        reset = actions.add_parser("reset", help="move the group; refused while consumers run")
        reset.add_argument("--to", type=_target, required=True, metavar="earliest|latest|TIME|OFFSET")
        reset.add_argument("--partition", type=int, help="this one alone")
        reset.add_argument("--dry-run", action="store_true", help="say what it would do, and change nothing")
        for action in (show, reset):
            action.add_argument("--json", action="store_true", help="write one JSON object")

    def handle(self, *, action: str, json: bool, **options: Any) -> None:
        """Do it and say what was done."""
        try:
            lines = _reset(json=json, **_chosen(options)) if action == "reset" else _show(json=json)
            self.stdout.write("\n".join(lines))
        except GroupActive as error:
            raise CommandError(f"Refused: the group is active ({error}). Stop the consumers first.") from error
        except (StoreUnavailable, NeedsOperator) as error:
            raise CommandError(str(error), returncode=2) from error
        except POSTGRESQL_AWAY as error:
            raise CommandError(postgresql_in_words(error), returncode=2) from error


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    return {"target": options["to"], "partition": options["partition"], "dry_run": options["dry_run"]}


def _target(text: str) -> Target:
    if text in (EARLIEST, LATEST):
        return text
    if text.isdigit():
        return int(text)
    try:
        return event_range.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{error}, or earliest, latest, an offset") from error


def _show(*, json: bool) -> Iterator[str]:
    with open_group() as group:
        members = group.members()
        found = reset_offsets.positions(group, group.ends())
    if json:
        yield _json({"group": group.name, "members": members, "partitions": [_position(one) for one in found]})
        return
    yield f"group {group.name}: {f'{members} running' if members else 'no consumer runs'}"
    yield _row("partition", "earliest", "end", "committed", "progress", "lag")
    for one in found:
        committed = "–" if one.committed is None else one.committed
        yield _row(one.partition, one.earliest, one.end, committed, one.progress, one.lag)


def _reset(*, target: Target, partition: int | None, dry_run: bool, json: bool) -> Iterator[str]:
    with open_group() as group:
        topic, moves = reset_offsets.plan(group, target, None if partition is None else [partition])
        if not dry_run:
            reset_offsets.apply(group, topic, moves)
    if json:
        yield _json({"dryRun": dry_run, "partitions": [_move(one) for one in moves]})
        return
    yield _row("partition", "progress", "to", "skipped", "again")
    for one in moves:
        yield _row(one.position.partition, one.position.progress, one.to, one.skipped, one.again)
    yield "Nothing was changed." if dry_run else "Done. Consumers go on from there."


def _position(one: Position) -> dict[str, object]:
    return {**asdict(one), "lag": one.lag}


def _move(one: Move) -> dict[str, object]:
    return {**_position(one.position), "to": one.to, "skipped": one.skipped, "again": one.again}


def _row(*cells: object) -> str:
    return "  ".join(f"{cell:>12}" for cell in cells)


def _json(shape: object) -> str:
    return json.dumps(shape, indent=2)
