"""The part of a configuration that is about the registry of sources: checked, compared, written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ingestion.events.model import SOURCE_ID_FORM, SOURCE_ID_PATTERN
from ingestion.events.source_labels import MAX_LABEL_BYTES, MAX_LABELS
from ingestion.models import Source
from processing.configuration.model import SourceConfig
from processing.logic.faults import Fault
from processing.logic.revisions.pointers import escaped

CHUNK = 1_000  # rows of one statement


class SourceChange(msgspec.Struct, frozen=True):
    """A source that is not as the configuration says. What is new has no `before`, what goes no `after`."""

    source: str
    before: SourceConfig | None
    after: SourceConfig | None


def faults(sources: Mapping[str, SourceConfig]) -> Iterator[Fault]:
    """Yield what can't be written."""
    for source, about in sources.items():
        pointer = f"/sources/{escaped(source)}"
        if not SOURCE_ID_PATTERN.fullmatch(source):
            yield Fault(pointer, f"expected {SOURCE_ID_FORM}")
        if len(about.labels) > MAX_LABELS:
            yield Fault(f"{pointer}/labels", f"expected at most {MAX_LABELS} labels")
        for name, value in about.labels.items():
            if any("\0" in text or len(text.encode(errors="replace")) > MAX_LABEL_BYTES for text in (name, value)):
                detail = f"expected a name and a value of at most {MAX_LABEL_BYTES} bytes, without NUL"
                yield Fault(f"{pointer}/labels/{escaped(name)}", detail)


def changes(
    before: Mapping[str, SourceConfig], wanted: Mapping[str, SourceConfig], *, prune: bool
) -> list[SourceChange]:
    """Return what has to be changed, in the order of the ids."""
    names = sorted({*before, *wanted}) if prune else sorted(wanted)
    pairs = [(name, before.get(name), wanted.get(name)) for name in names]
    return [SourceChange(*pair) for pair in pairs if pair[1] != pair[2]]


def carry_out(found: Sequence[SourceChange]) -> None:
    """Write changes. Needs a transaction."""
    written = [
        Source(source_id=change.source, enabled=change.after.enabled, labels=change.after.labels)
        for change in found
        if change.after
    ]
    Source.objects.bulk_create(
        written, batch_size=CHUNK, update_conflicts=True, unique_fields=["source_id"], update_fields=["enabled", "labels"]
    )  # fmt: skip
    gone = [change.source for change in found if change.after is None]
    for start in range(0, len(gone), CHUNK):
        Source.objects.filter(source_id__in=gone[start : start + CHUNK]).delete()


def as_text(found: Sequence[SourceChange]) -> str:
    """Return changes as lines: `+` is new, `-` goes, `~` is another."""
    return "\n".join(line for change in found for line in _lines(change))


def _lines(change: SourceChange) -> Iterator[str]:
    if change.before is None:
        assert change.after
        yield f"+ source {change.source}{_about(change.after)}"
    elif change.after is None:
        yield f"- source {change.source}{_about(change.before)}"
    else:
        yield from (f"~ source {change.source}: {line}" for line in _members(change.before, change.after))


def _about(source: SourceConfig) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in source.labels.items())
    words = [*([] if source.enabled else ["disabled"]), *([f"labels {labels}"] if labels else [])]
    return f": {'; '.join(words)}" if words else ""


def _members(old: SourceConfig, new: SourceConfig) -> Iterator[str]:
    if old.enabled != new.enabled:
        yield "enabled" if new.enabled else "disabled"
    for name in sorted({*old.labels, *new.labels}):
        values = [source.labels.get(name) for source in (old, new)]
        if values[0] != values[1]:
            yield f"label {name}: {' -> '.join('none' if value is None else value for value in values)}"
