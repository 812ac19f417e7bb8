"""Arguments that several commands take."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime

from processing import event_range
from processing.event_range import EventRange


def add_range(parser: ArgumentParser, *, by: str) -> None:
    """Add --from, --to and --source; `by` says which time of an event counts."""
    ends = {
        "--from": ("since", f"events from this {by} on: a date, or a time with its zone"),
        "--to": ("until", f"events before this {by}"),
    }
    for name, (target, meaning) in ends.items():
        parser.add_argument(name, dest=target, type=moment, metavar="TIME", help=meaning)
    parser.add_argument("--source", help="events of this source alone")


def events(options: dict[str, object]) -> EventRange:
    """Give what the arguments of `add_range` say."""
    since, until, source = (options[name] for name in ("since", "until", "source"))
    assert since is None or isinstance(since, datetime)
    assert until is None or isinstance(until, datetime)
    assert source is None or isinstance(source, str)
    return EventRange(since, until, source)


def moment(text: str) -> datetime:
    """Read an argument that is a time."""
    try:
        return event_range.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
