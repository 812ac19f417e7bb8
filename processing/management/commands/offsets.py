"""`manage.py offsets`: show and reset the consumer group's offsets."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from django.core.management.base import CommandError, CommandParser

from ingestion.management.command import add_dry_run, add_json
from ingestion.management.tables import Column, table
from ingestion.management.terminal import Terminal
from processing.commandline import event_range
from processing.commandline.command import StoreCommand
from processing.kafka.administration.consumer_group import EARLIEST, LATEST, GroupActive, Target, open_group
from processing.partitions import reset_offsets
from processing.partitions.reset_offsets import OffsetMove, PartitionOffsets

_SHOWN = ("partition", "earliest", "end", "committed", "progress", "lag")
_MOVED = ("partition", "progress", "to", "skipped", "again")


class Outcome(NamedTuple):
    """What a subcommand writes, for programs and for people."""

    shape: dict[str, object]
    before: str
    titles: Sequence[str]
    rows: Sequence[Sequence[object]]
    after: str = ""

    def text(self, terminal: Terminal) -> str:
        """Return it for people."""
        columns = [Column(title, right=True) for title in self.titles]
        rows = [["–" if cell is None else f"{cell}" for cell in row] for row in self.rows]
        return "\n".join(filter(None, [self.before, *table(columns, rows, terminal), self.after]))


class Command(StoreCommand):
    default_action = "show"
    help = (
        "Show the consumer group's offsets in raw-data, or reset them while no consumer runs.\n\n"
        "  manage.py offsets                                          earliest, end, committed, progress, lag\n"
        "  manage.py offsets reset --to earliest --dry-run            show what a reset would do\n"
        "  manage.py offsets reset --to latest --partition 3          skip all that is unread in partition 3\n"
        "  manage.py offsets reset --to 2026-03-01T12:00:00Z          from the first record at or after that time\n"
        "  manage.py offsets reset --to 2026-03-01                    from the start of that day, in UTC\n"
        "  manage.py offsets reset --to 4711 --partition 3\n\n"
        "Forward: the skipped records are never read; a gap in the ledger and an incident record that. Back: PostgreSQL\n"
        "knows which records were processed, so nothing is stored, counted or dead-lettered a second time; their events\n"
        "are published to processed-data again. A target outside of the topic becomes its first or last offset.\n\n"
        "Exit code 0: done; 1: refused, since consumers are running (a killed one counts for ten seconds);\n"
        "2: wrong usage, or a store is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("show", help="show the offsets of each partition")
        reset = actions.add_parser("reset", help="move the group; refused while consumers run")
        reset.add_argument("--to", type=_target, required=True, metavar="earliest|latest|TIME|OFFSET")
        reset.add_argument("--partition", type=int, help="only this one")
        add_dry_run(reset)
        for action in (show, reset):
            add_json(action)

    def handle(self, *, action: str, as_json: bool, **options: Any) -> None:
        """Exit with 1 if the group can't be moved since it is active."""
        try:
            with self.store_errors():
                outcome = _show() if action == "show" else _reset(**options)
        except GroupActive as error:
            raise CommandError(f"Refused: the group is active ({error}). Stop the consumers first.") from error
        self.report(outcome.shape, outcome.text(self.terminal), as_json=as_json)


def _target(text: str) -> Target:
    if text in (EARLIEST, LATEST):
        return text
    if text.isdigit():
        return int(text)
    try:
        return event_range.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{error}, or earliest, latest, an offset") from error


def _show() -> Outcome:
    with open_group() as group:
        members = group.members()
        found = reset_offsets.positions(group, group.ends())
    running = f"group {group.name}: {f'{members} running' if members else 'no consumer runs'}"
    rows = [(one.partition, one.earliest, one.end, one.committed, one.progress, one.lag) for one in found]
    partitions = [_position(one) for one in found]
    return Outcome({"group": group.name, "members": members, "partitions": partitions}, running, _SHOWN, rows)


def _reset(*, to: Target, partition: int | None, dry_run: bool, **_options: object) -> Outcome:
    with open_group() as group:
        topic, moves = reset_offsets.plan(group, to, None if partition is None else [partition])
        if not dry_run:
            reset_offsets.apply(group, topic, moves)
    rows = [(one.position.partition, one.position.progress, one.to, one.skipped, one.again) for one in moves]
    after = "Nothing was changed." if dry_run else "Done. Consumers continue from there."
    return Outcome({"dryRun": dry_run, "partitions": [_move(one) for one in moves]}, "", _MOVED, rows, after)


def _position(one: PartitionOffsets) -> dict[str, object]:
    return {**asdict(one), "lag": one.lag}


def _move(one: OffsetMove) -> dict[str, object]:
    return {**_position(one.position), "to": one.to, "skipped": one.skipped, "again": one.again}
