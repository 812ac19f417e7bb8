"""The filters of dead letters as options of a command."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import fields
from typing import Any
from uuid import UUID

from ingestion.problems import Code
from processing import command_arguments
from processing.letters.selection import Selection
from processing.models import DeadLetter

# Of a selection, as the options are called too.
NAMES = tuple(field.name for field in fields(Selection) if field.name != "ids")


def add_filters(parser: ArgumentParser) -> None:
    """Add an option for each filter of a selection."""
    parser.add_argument(
        "--id", type=int, action="append", default=[], dest="ids", metavar="NUMBER", help="this one; may be repeated"
    )
    parser.add_argument("--state", choices=DeadLetter.State.values)
    parser.add_argument("--reason", type=_reason, help="a code of docs/problems.md")
    parser.add_argument("--source", dest="source_id", help="a source id; '' for those whose source can't be read")
    parser.add_argument("--fingerprint", help="alike letters share it: 32 hexadecimal digits")
    parser.add_argument("--stage", help="where it failed: decode, identity, process, documents, rows")
    parser.add_argument("--topic")
    parser.add_argument("--partition", type=int)
    parser.add_argument("--event-id", type=UUID)
    parser.add_argument("--text", help="a part of the detail, of the reason or of its words")
    parser.add_argument(
        "--since", type=command_arguments.moment, help="first seen then or later: a date, or a time with its zone"
    )
    parser.add_argument("--until", type=command_arguments.moment, help="first seen before")


def selection(options: dict[str, Any]) -> Selection:
    """Give what the options of `add_filters` say."""
    return Selection(ids=tuple(options["ids"]), **{name: options[name] for name in NAMES})


def between(least: int, most: int) -> Callable[[str], int]:
    """Make the type of an option that is a number within bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"expected {least:,} to {most:,}")
        return int(text)

    return read


def _reason(text: str) -> str:
    if text not in list(Code):
        raise ArgumentTypeError("expected a code of docs/problems.md")
    return text
