"""Options that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime

from processing.commandline import event_range
from processing.commandline.event_range import EventRange


def add_range(parser: ArgumentParser, *, by: str) -> None:
    """Add --from, --to and --source.

    :param by: which time of an event the range is of
    """
    ends = {
        "--from": ("since", f"events at or after this {by}: a date, or a time with its zone"),
        "--to": ("until", f"events before this {by}"),
    }
    for name, (target, meaning) in ends.items():
        parser.add_argument(name, dest=target, type=parse_time, metavar="TIME", help=meaning)
    parser.add_argument("--source", help="only events of this source")


def range_of(options: dict[str, object]) -> EventRange:
    """Return the range that the options of `add_range` describe."""
    since, until, source = (options[name] for name in ("since", "until", "source"))
    assert since is None or isinstance(since, datetime)
    assert until is None or isinstance(until, datetime)
    assert source is None or isinstance(source, str)
    return EventRange(since, until, source)


def parse_time(text: str) -> datetime:
    """Parse a time; an argparse type."""
    try:
        return event_range.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
