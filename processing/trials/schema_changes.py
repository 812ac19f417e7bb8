"""Which values the schemas of a revision no longer accept that earlier versions did, without any history."""

from __future__ import annotations

from typing import Any

from processing.logic.content import Content
from processing.logic.schemas.compare import Comparison, compare_with_all
from processing.models import SchemaVersion

MOST_VERSIONS = 20  # the newest of the earlier ones


def changes(tried: Content, present: Content) -> list[dict[str, object]]:
    """Compare each schema that is another version than now, or new, with all its earlier versions."""
    now = {(schema.name, schema.version) for schema in present.schemas}
    changed = dict.fromkeys((one.name, one.version) for one in tried.schemas if (one.name, one.version) not in now)
    return [_change(name, version) for name, version in changed]


def _change(name: str, version: int) -> dict[str, object]:
    versions = SchemaVersion.objects.filter(name=name)
    document = versions.values_list("document", flat=True).get(version=version)
    earlier = versions.filter(version__lt=version).order_by("-version").values_list("version", "document")
    compared = compare_with_all(dict(earlier[:MOST_VERSIONS]), document)
    return {
        "name": name, "version": version, "experimental": True,
        "earlier": [_shape(number, comparison) for number, comparison in compared.items()],
    }  # fmt: skip


def _shape(version: int, comparison: Comparison) -> dict[str, Any]:
    lost = [
        {"violations": [one._asdict() for one in lost.violations], "example": lost.example} for lost in comparison.lost
    ]
    return {"version": version, "noLongerAccepts": comparison.answer, "lost": lost}
