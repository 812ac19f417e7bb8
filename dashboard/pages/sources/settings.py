"""What people set of a source: description, labels, units, expected interval, and whether it is enabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

from django.db import transaction

from ingestion.auth import api_keys
from ingestion.auth.read_scope import ReadScope
from ingestion.events.source_labels import MAX_LABEL_BYTES, MAX_LABELS
from ingestion.models import Source
from queries.reads import postgres
from queries.sources.health import habits, index

UNIT = "unit"
MAX_DESCRIPTION = 2_000  # characters
LONGEST_INTERVAL = 86_400.0 * 366


class InvalidSettings(Exception):
    """A value can't be used; the text names it."""


class Settings(NamedTuple):
    """The settings of a source."""

    enabled: bool = True
    description: str = ""
    expected: float | None = None  # seconds between two sendings; None: learned
    labels: Mapping[str, str] = {}

    @classmethod
    def of(cls, source: Source) -> Self:
        labels = {str(name): str(value) for name, value in source.labels.items()}
        return cls(source.enabled, source.description, source.expected_interval, labels)

    @property
    def label_lines(self) -> str:
        """Return the labels that are no units, a line each."""
        return "\n".join(f"{name}: {value}" for name, value in self.labels.items() if not is_unit(name))

    def unit_label(self, field: str) -> str:
        """Return the unit that a label names for a field."""
        return self.labels.get(f"{UNIT}.{field}", "")


def is_unit(name: str) -> bool:
    """Return whether a label names a unit."""
    return name == UNIT or name.startswith(f"{UNIT}.")


def read(source_id: str, *, scope: ReadScope) -> Settings:
    """Return the settings of a source; one without an entry, or outside the scope, has those of a new one.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    with postgres.bounded():
        found = Source.objects.filter(pk=source_id, **scope.lookup()).first()
    return Settings() if found is None else Settings.of(found)


def save(source_id: str, form: Mapping[str, str], *, scope: ReadScope) -> None:
    """Save what a form says; units of fields that it does not name stay.

    :raises InvalidSettings: a value can't be used, or the source is outside the scope; nothing is saved
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if not scope.includes(source_id):
        raise InvalidSettings("Your account is not for this source.")
    with postgres.bounded(), transaction.atomic():
        source, _ = Source.objects.select_for_update().get_or_create(pk=source_id)
        source.labels = _labels(Settings.of(source).labels, form)
        source.description = _description(form.get("description", ""))
        source.expected_interval = _interval(form.get("expected", ""))
        source.enabled = form.get("enabled") == "on"
        source.save(update_fields=["labels", "description", "expected_interval", "enabled"])
    habits.forget([source_id])
    index.forget()
    api_keys.push(api_keys.SOURCES)


def _labels(before: Mapping[str, str], form: Mapping[str, str]) -> dict[str, str]:
    found = dict(map(_label, filter(str.strip, form.get("labels", "").splitlines())))
    units = {name: value for name, value in before.items() if is_unit(name)}
    units |= {name: value.strip() for name, value in form.items() if is_unit(name)}
    found |= {name: value for name, value in units.items() if value}
    if len(found) > MAX_LABELS:
        raise InvalidSettings(f"A source has at most {MAX_LABELS} labels, those of units included.")
    for name, value in found.items():
        if max(len(name.encode()), len(value.encode())) > MAX_LABEL_BYTES or "\0" in name + value:
            raise InvalidSettings(f"The label {name[:40]} is longer than {MAX_LABEL_BYTES} bytes.")
    return found


def _label(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise InvalidSettings(f"Labels: expected lines such as site: north, not {line.strip()[:40]}.")
    if is_unit(name.strip()):
        raise InvalidSettings("Labels: units have inputs of their own.")
    return name.strip(), value.strip()


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION or "\0" in text:
        raise InvalidSettings(f"A description has at most {MAX_DESCRIPTION:,} characters.")
    return text.strip()


def _interval(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        seconds = float(text.strip().replace(",", "."))
    except ValueError:
        seconds = 0.0
    if not 0.001 <= seconds <= LONGEST_INTERVAL:
        raise InvalidSettings("Expected interval: expected seconds, such as 60.")
    return seconds
