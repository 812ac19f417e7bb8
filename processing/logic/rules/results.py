"""What rules make of an event, and what they count."""

from __future__ import annotations

from enum import Enum

import msgspec

MAX_TAGS = 32  # of one event
LOGIC_ERROR = "logic_error"  # the tag of an event that a rule failed on


class Fate(Enum):
    """What becomes of an event."""

    KEPT = "kept"
    REJECTED = "rejected"  # it becomes a dead letter
    DROPPED = "dropped"


class Result(msgspec.Struct, gc=False):
    """What the rules of an event's source made of it. Of an event that is not kept, values and tags are as given."""

    values: dict[str, object]  # the same object as given, if no rule changed it
    tags: tuple[str, ...]
    fate: Fate = Fate.KEPT
    rule: str = ""  # that rejected or dropped it
    reason: str = ""  # why it was rejected


class Counts(msgspec.Struct):
    """What one rule did."""

    applied: int = 0  # its condition was true
    unknown: int = 0  # a field or tag could not be set
    missed: int = 0  # a lookup did not find its key
    errors: int = 0  # it failed; the event went on as before it
