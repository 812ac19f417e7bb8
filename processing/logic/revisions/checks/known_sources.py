"""Finds the sources that rules and schemas name: those that match none are most often misspelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.db.models import QuerySet

from ingestion.auth.source_patterns import ANY
from ingestion.models import Source
from processing.logic.content import Content
from processing.logic.faults import Fault, nearest

# Sources that a misspelled one is compared with, which takes a third of a second, and how many misspelled ones are.
COMPARED = 2_000
HINTS = 3


class Selector(NamedTuple):
    """What selects sources: an id or pattern, or labels that a source has all of."""

    pattern: str = ""
    labels: tuple[tuple[str, str], ...] = ()


def unmatched(content: Content, *, base: Content) -> Iterator[Fault]:
    """Yield what selects no source. What `base` has already is not looked for: its sources may have gone since."""
    before = {selector for _, selector in _selectors(base)}
    hints = 0
    for pointer, selector in _selectors(content):
        if selector in before or _sources(selector).exists():
            continue
        if selector.labels:
            labels = ", ".join(f"{name}={value}" for name, value in selector.labels)
            yield Fault(pointer, f"no source has the labels {labels}")
            continue
        hints += 1
        hint = _nearest(selector.pattern) if hints <= HINTS else ""
        yield Fault(pointer, f"{selector.pattern} matches no source{hint}")


def _nearest(pattern: str) -> str:
    """Return a hint at the source that is most alike."""
    return nearest(pattern, Source.objects.order_by("source_id").values_list("source_id", flat=True)[:COMPARED])


def _selectors(content: Content) -> Iterator[tuple[str, Selector]]:
    for index, rule in enumerate(content.rules):
        yield from _patterns(f"/rules/{index}/sources", rule.sources)
        if rule.labels:
            yield f"/rules/{index}/labels", Selector(labels=_sorted(rule.labels))
    for index, schema in enumerate(content.schemas):
        yield from _patterns(f"/schemas/{index}/sources", schema.sources)
    for index, unit in enumerate(content.units):
        yield from ((f"/units/{index}/sources", found) for _, found in _patterns("", [unit.sources]))


def _patterns(pointer: str, patterns: Iterable[str]) -> Iterator[tuple[str, Selector]]:
    for index, pattern in enumerate(patterns):
        if pattern != ANY:
            yield f"{pointer}/{index}", Selector(pattern)


def _sorted(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _sources(selector: Selector) -> QuerySet[Source]:
    if selector.labels:
        return Source.objects.filter(labels__contains=dict(selector.labels))
    if selector.pattern.endswith(ANY):
        return Source.objects.filter(source_id__startswith=selector.pattern[:-1])
    return Source.objects.filter(source_id=selector.pattern)
