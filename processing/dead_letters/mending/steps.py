"""The steps of a mend, as JSON and in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from processing.dead_letters.mending import date_formats
from processing.events import fields

MOST = 20  # steps of a mend

Field = Annotated[str, msgspec.Meta(min_length=1, max_length=fields.MAX_PATH)]  # a dotted path: payload.temperature
To = Literal["number", "integer", "text", "boolean"]

_WORDS = {"number": "a number", "integer": "a whole number", "text": "a text", "boolean": "true or false"}


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """One change of an event."""

    def words(self) -> str:
        """Return the step as a person would say it."""
        raise NotImplementedError


class Set(Step, frozen=True, tag="set"):
    """Set a field to a value, whether it exists or not."""

    field: Field
    value: object  # any JSON

    def words(self) -> str:
        """Return it in words."""
        return f"set {self.field} to {json.dumps(self.value, ensure_ascii=False)}"


class Rename(Step, frozen=True, tag="rename"):
    """Give a field another name, or another place."""

    field: Field
    to: Field

    def words(self) -> str:
        """Return it in words."""
        return f"rename {self.field} to {self.to}"


class ParseDate(Step, frozen=True, tag="parse_date"):
    """Parse a text as a time, and write it as RFC 3339."""

    format: Annotated[str, msgspec.Meta(min_length=1, max_length=date_formats.MAX_LENGTH)]
    field: Field = "timestamp"
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"  # of texts without one

    def words(self) -> str:
        """Return it in words."""
        return f"parse {self.field} as {self.format} ({self.zone})"


class Cast(Step, frozen=True, tag="cast"):
    """Change the type of a value."""

    field: Field
    to: To

    def words(self) -> str:
        """Return it in words."""
        return f"make {self.field} {_WORDS[self.to]}"


class Remove(Step, frozen=True, tag="remove"):
    """Remove a field."""

    field: Field

    def words(self) -> str:
        """Return it in words."""
        return f"remove {self.field}"


class ReceivedTime(Step, frozen=True, tag="received_time"):
    """Use the time of receipt as the timestamp."""

    def words(self) -> str:
        """Return it in words."""
        return "use the time of receipt as timestamp"


class NewId(Step, frozen=True, tag="new_id"):
    """Remove the id, so that a new one is derived from the content."""

    def words(self) -> str:
        """Return it in words."""
        return "derive a new event id"


class KeepLast(Step, frozen=True, tag="keep_last"):
    """Of keys that stand twice in an object, keep the last."""

    def words(self) -> str:
        """Return it in words."""
        return "keep the last of keys that stand twice"


class DropCommas(Step, frozen=True, tag="drop_commas"):
    """Remove commas before a closing bracket, which JSON does not allow."""

    def words(self) -> str:
        """Return it in words."""
        return "remove trailing commas"


AnyStep = Set | Rename | ParseDate | Cast | Remove | ReceivedTime | NewId | KeepLast | DropCommas
Steps = Annotated[list[AnyStep], msgspec.Meta(min_length=1, max_length=MOST)]
Mend = Sequence[AnyStep]


class InvalidMend(Exception):
    """The steps can't be used; the text says which and why, for whoever wrote them."""


def from_json(value: object) -> Mend:
    """Read steps from what `to_json` returned, or from a person's JSON.

    :raises InvalidMend: there is no such step, or a field, format or zone is invalid
    """
    try:
        steps = msgspec.convert(value, Steps)
    except msgspec.ValidationError as error:
        raise InvalidMend(str(error)) from error
    return checked(steps)


def checked(steps: Mend) -> Mend:
    """Return these steps.

    :raises InvalidMend: a field, a format or a zone is invalid
    """
    for number, step in enumerate(steps, 1):
        _check(step, number)
    return steps


def to_json(mend: Mend) -> list[dict[str, object]]:
    """Return the steps as JSON, for the arguments of a job."""
    return [msgspec.to_builtins(step) for step in mend]


def sentence(mend: Mend) -> str:
    """Return a mend as a sentence without its period."""
    text = ", then ".join(step.words() for step in mend)
    return text[:1].upper() + text[1:]


def _paths(step: AnyStep) -> list[str]:
    if isinstance(step, Rename):
        return [step.field, step.to]
    return [step.field] if isinstance(step, Set | ParseDate | Cast | Remove) else []


def _check(step: AnyStep, number: int) -> None:
    for path in _paths(step):
        try:
            fields.split(path)
        except ValueError as error:
            raise InvalidMend(f"step {number}: expected the path of a field, such as payload.temperature") from error
    if isinstance(step, ParseDate):
        try:
            date_formats.compiled(step.format)
            date_formats.zone_named(step.zone)
        except ValueError as error:
            raise InvalidMend(f"step {number}: {error}") from error
