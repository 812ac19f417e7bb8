"""The filters of dead letters as command-line options."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from dataclasses import fields
from typing import Any
from uuid import UUID

from ingestion.problems import Code
from processing.commandline import arguments
from processing.dead_letters.filters import LetterFilter
from processing.models import DeadLetter


def add_filters(parser: ArgumentParser) -> None:
    """Add an option for each filter of LetterFilter."""
    options = _options()
    for filter_ in fields(LetterFilter):
        option = options[filter_.name]
        flag = option.pop("flag", "--" + filter_.name.replace("_", "-"))
        parser.add_argument(flag, dest=filter_.name, **option)


def selection(options: dict[str, Any]) -> LetterFilter:
    """Return the selection that the options of `add_filters` describe."""
    return LetterFilter(
        **{**{one.name: options[one.name] for one in fields(LetterFilter)}, "ids": tuple(options["ids"])}
    )


def between(least: int, most: int) -> Callable[[str], int]:
    """Return an argparse type: a number within these bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"expected {least:,} to {most:,}")
        return int(text)

    return read


def _reason(text: str) -> str:
    if text not in list(Code):
        raise ArgumentTypeError("expected a code of docs/problems.md")
    return text


def _options() -> dict[str, dict[str, Any]]:
    """Return what argparse needs for each filter, by the names of LetterFilter's fields."""
    return {
        "ids": {"flag": "--id", "type": int, "action": "append", "default": [], "metavar": "NUMBER",
                "help": "this letter; may be repeated"},
        "state": {"choices": DeadLetter.State.values},
        "reason": {"type": _reason, "help": "a code of docs/problems.md"},
        "source_id": {"flag": "--source", "help": "a source id; '' for letters whose source can't be read"},
        "fingerprint": {"help": "letters with the same cause share it: 32 hexadecimal digits"},
        "stage": {"help": "where it failed: decode, identity, process, documents, rows"},
        "pointer": {"help": "the place in what was sent, as a JSON Pointer; '' for letters without one"},
        "topic": {},
        "partition": {"type": int},
        "since": {"type": arguments.parse_time, "help": "first seen at or after: a date, or a time with its zone"},
        "until": {"type": arguments.parse_time, "help": "first seen before"},
        "received_start": {"type": arguments.parse_time, "help": "whose line was received at or after"},
        "received_end": {"type": arguments.parse_time, "help": "whose line was received before"},
        "event_id": {"type": UUID},
        "job": {"type": int, "metavar": "NUMBER", "help": "letters that this job redrove, discarded or reopened"},
        "text": {"help": "a part of the detail, of the reason code or of its words"},
    }  # fmt: skip
