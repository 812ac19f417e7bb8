"""How the documents of schemas and the rows of lookup tables differ between two contents, for people."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from itertools import islice

from processing.configuration import exporting, yaml_writer
from processing.logic.content import Content

MAX_LINES = 100  # of one difference
MAX_COMPARED = 5_000  # lines of a text; longer ones would take minutes


def as_text(before: Content, after: Content) -> str:
    """Return the differences of schemas and tables of which both have versions; empty: none."""
    return "\n".join(line for lines in _differences(before, after) for line in lines)


def _differences(before: Content, after: Content) -> Iterator[list[str]]:
    old = {use.name: use for use in before.schemas}
    for use in after.schemas:
        if use.name in old and old[use.name].version != use.version:
            texts = [yaml_writer.dump(exporting.schema(each).document) for each in (old[use.name], use)]
            yield _unified(f"schema {use.name}", *texts)
    for name, version in sorted(after.tables.items()):
        if before.tables.get(name, version) != version:
            csvs = [exporting.table(name, each).csv or "" for each in (before.tables[name], version)]
            yield _unified(f"table {name}", *csvs)


def _unified(what: str, before: str, after: str) -> list[str]:
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MAX_COMPARED:
        return [f"~ {what}: {len(old):,} -> {len(new):,} lines"]
    # The first two lines name files.
    lines = islice(unified_diff(old, new, lineterm="", n=1), 2, None)
    shown = list(islice(lines, MAX_LINES + 1))
    return [f"~ {what}", *(f"    {line}" for line in shown[:MAX_LINES]), *(["    …"] if len(shown) > MAX_LINES else [])]
