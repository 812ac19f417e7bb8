"""`manage.py partitions`: list paused partitions, resume them, and give the topics more partitions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ingestion.events.timestamps import to_whole_seconds
from ingestion.management.command import add_dry_run, add_json
from ingestion.management.tables import Column, table
from processing.commandline.command import StoreCommand
from processing.kafka.administration.topic_partitions import open_topics
from processing.models import Hold
from processing.partitions import growth, paused, skip_batch
from processing.partitions.skip_batch import NotSkippable

WHO = "command line"
_COLUMNS = (Column("held partition"), Column("since"), Column("reason", least=20))


class Command(StoreCommand):
    default_action = "list"
    help = (
        "List the partitions of raw-data that are held (paused), and resume them. A partition is held when 200 of its\n"
        "events in a row, or more than 200 of its last 1,000, became dead letters, of ten sources or more (for one source:\n"
        "manage.py failing_sources), or of none that can be read; when a newer release wrote its next\n"
        "record (an upgraded consumer goes on by itself); or when its next batch of records can't be read.\n"
        "Nothing of it is dropped: its records wait in Kafka, up to the topic's retention.\n\n"
        "  manage.py partitions                                    which are held, since when and why\n"
        "  manage.py partitions resume raw-data 3                  resume and reset the count; it may be held again\n"
        "  manage.py partitions resume raw-data 3 --through-end    all that is in it now may become dead letters\n"
        "  manage.py partitions resume --all --dry-run\n"
        "  manage.py partitions skip-batch raw-data 3              pass over one batch that can't be read, as a gap\n"
        "  manage.py partitions grow 12                            add partitions; stop all receivers before (docs/scaling.md)\n\n"
        "Exit code 0: done; 1: some are held (list), or the partition is not held (resume), or not before a batch that\n"
        "can't be read (skip-batch), or events are on their way (grow); 2: wrong usage, or a store is unavailable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="show which are held, since when and why")
        resume = actions.add_parser("resume", help="let consumers read on, within seconds")
        resume.add_argument("topic", nargs="?")
        resume.add_argument("partition", nargs="?", type=int)
        resume.add_argument("--all", action="store_true", dest="everything", help="every held partition")
        resume.add_argument(
            "--through-end", action="store_true", help="do not count dead letters up to the current end"
        )
        skip = actions.add_parser("skip-batch", help="pass over the batch that can't be read, and resume")
        skip.add_argument("topic")
        skip.add_argument("partition", type=int)
        grow = actions.add_parser("grow", help="add partitions to both topics while nothing is on its way")
        grow.add_argument("total", type=int, help="how many there are to be")
        grow.add_argument(
            "--wait", type=float, default=60.0, metavar="SECONDS", help="for what is on its way (default 60)"
        )
        for action in (resume, skip, grow):
            add_dry_run(action)
        for action in (listing, resume, skip, grow):
            add_json(action)

    def handle(self, *, action: str, as_json: bool, **options: Any) -> None:
        """Exit with 1 if partitions are held (list), or the partition to resume is not (resume)."""
        if action == "grow":
            self._grow(as_json=as_json, **options)
            return
        with self.store_errors():
            found = list(paused.paused_now())
            if action == "list":
                self._list(found, as_json=as_json)
            elif action == "skip-batch":
                self._skip(found, as_json=as_json, **options)
            else:
                self._resume(_chosen(found, options), as_json=as_json, **options)

    def _list(self, found: list[Hold], *, as_json: bool) -> None:
        rows = [(_name(one), to_whole_seconds(one.since), one.reason) for one in found]
        text = "\n".join(table(_COLUMNS, rows, self.terminal)) if rows else "No partition is held."
        self.report({"held": [_shape(one) for one in found]}, text, as_json=as_json, ok=not found)

    def _resume(
        self, chosen: list[Hold], *, as_json: bool, through_end: bool, dry_run: bool, **_options: object
    ) -> None:
        lenient = paused.present_ends() if through_end else {}
        if not dry_run:
            for one in chosen:
                paused.resume(one, who=WHO, lenient_until=lenient.get(one.partition, 0))
        verb = "would be resumed" if dry_run else "resumed"
        ends = {
            one: f", ignoring dead letters up to offset {lenient[one.partition]}" if through_end else ""
            for one in chosen
        }
        shapes = [{**_shape(one), "lenientUntil": lenient.get(one.partition, 0)} for one in chosen]
        lines = [f"{_name(one)}  {verb}{end}" for one, end in ends.items()]
        text = "\n".join(lines or ["No partition is held."])
        self.report({"dryRun": dry_run, "resumed": shapes}, text, as_json=as_json)

    def _skip(
        self, found: list[Hold], *, topic: str, partition: int, as_json: bool, dry_run: bool, **_options: object
    ) -> None:
        chosen = _find(found, topic, partition)
        try:
            skip = skip_batch.plan(chosen)
            if not dry_run:
                skip_batch.apply(skip, who=WHO)
        except NotSkippable as error:
            raise CommandError(str(error)) from error
        batch = skip.batch
        verb = "would be skipped" if dry_run else "skipped"
        text = f"{_name(chosen)}  records {batch.first} to {batch.next - 1} {verb}: {batch.reason}"
        shape = {"topic": topic, "partition": partition, "first": batch.first, "next": batch.next}
        self.report({"dryRun": dry_run, "skipped": shape}, text, as_json=as_json)

    def _grow(self, *, total: int, wait: float, as_json: bool, dry_run: bool, **_options: object) -> None:
        interrupted = "Interrupted before anything was changed."
        with self.long_run("", interrupted=interrupted) as progress, open_topics() as topics:
            try:
                growths = growth.plan(topics, total)
                if growths and not dry_run:
                    growth.apply(topics, growths, patience=wait, tick=lambda: progress.advance("looks", 0))
            except growth.NotGrowing as error:
                raise CommandError(str(error), returncode=2) from error
            except (growth.NotStill, growth.CameMeanwhile) as error:
                raise CommandError(str(error)) from error
        verb = "would have" if dry_run else "has"
        lines = [f"{each.topic} {verb} {each.after} partitions instead of {each.before}" for each in growths]
        text = "\n".join(lines or [f"Both topics have {total} partitions."])
        self.report({"dryRun": dry_run, "grown": [asdict(each) for each in growths]}, text, as_json=as_json)


def _chosen(found: list[Hold], options: dict[str, Any]) -> list[Hold]:
    topic, partition = options["topic"], options["partition"]
    if options["everything"] == (topic is not None or partition is not None):
        raise CommandError("Name a topic and a partition, or use --all.", returncode=2)
    if options["everything"]:
        return found
    if partition is None:
        raise CommandError("Name the partition of the topic.", returncode=2)
    return [_find(found, topic, partition)]


def _find(found: list[Hold], topic: str, partition: int) -> Hold:
    for one in found:
        if (one.topic.name, one.partition) == (topic, partition):
            return one
    raise CommandError(f"{topic}/{partition} is not held.")


def _shape(one: Hold) -> dict[str, object]:
    return {
        "topic": one.topic.name,
        "partition": one.partition,
        "kind": one.kind,
        "since": to_whole_seconds(one.since),
        "reason": one.reason,
    }


def _name(one: Hold) -> str:
    return f"{one.topic.name}/{one.partition}"
