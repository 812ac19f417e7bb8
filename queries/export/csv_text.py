"""Events as CSV (RFC 4180): a line of names, then a line for each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from processing.stores import jsonb
from queries.export import cells
from queries.export.reading import Block
from queries.request.times import as_rfc_3339

# A spreadsheet runs what begins with these, the last four in full width:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_SPECIAL = frozenset('",\r\n')


def render(blocks: Iterator[Block], fields: Sequence[Sequence[str]] | None, *, safe: bool) -> Iterator[bytes]:
    """Yield the names of the columns, with the lines of the first block, then the lines of each block.

    :param safe: texts that a spreadsheet would take for formulas begin with an apostrophe
    """
    text = _safe_text if safe else _quoted
    names = [*cells.NAMES, *cells.column_names(fields or [], taken=cells.NAMES)]
    if fields is None:
        names.append(cells.PAYLOAD)
    head = ",".join(map(text, names)) + "\r\n"
    for block in blocks:
        lines = [_line(row, text) for row in block.rows()] if fields else [_whole_line(row) for row in block.rows()]
        yield (head + "".join(lines)).encode()
        head = ""
    if head:
        yield head.encode()


def _whole_line(row: tuple[str, ...]) -> str:
    *envelope, payload = row
    return f"{_envelope(*envelope)},{_quoted(payload)}\r\n"


def _line(row: tuple[str, ...], text: Callable[[str], str]) -> str:
    envelope, fields = row[: len(cells.NAMES)], row[len(cells.NAMES) :]
    return ",".join([_envelope(*envelope), *(_value(cell, text) for cell in fields)]) + "\r\n"


def _envelope(id_: str, source_id: str, ts: str, received: str, stored: str, tags: str) -> str:
    times = f"{as_rfc_3339(ts)},{as_rfc_3339(received)},{as_rfc_3339(stored)}"
    return f"{id_},{source_id},{times},{_quoted(tags) if tags else '[]'}"


def _value(json_text: str, text: Callable[[str], str]) -> str:
    """Return the cell of a field: texts as they are, nothing for null and for a field that is not there."""
    if json_text.startswith('"'):
        value = jsonb.load_value(json_text) if "\\" in json_text else json_text[1:-1]
        return text(str(value))
    return "" if json_text == "null" else _quoted(json_text) if json_text else ""


def _safe_text(value: str) -> str:
    return _quoted(f"'{value}" if value.startswith(_FORMULA) else value)


def _quoted(value: str) -> str:
    # An empty text is in quotes, and nothing is not, so that they differ.
    if value and _SPECIAL.isdisjoint(value):
        return value
    return '"' + value.replace('"', '""') + '"'
