"""A lookup table as CSV: read back with the types of its columns, it is the same table."""

from __future__ import annotations

import csv
import io
import json

from processing.logic.tables.lookup_table import LookupTable


def write(table: LookupTable) -> str:
    """Return a table as CSV with a header."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows():
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
