"""The text of a CSV file, and places in it."""

from __future__ import annotations

from itertools import accumulate

from processing.logic.faults import Fault, InvalidLogic

# As much as a table may take in memory, which is always more than its text.
MAX_BYTES = 32 * 1024 * 1024
BOM = "\ufeff"


def decoded(data: bytes | str, pointer: str) -> str:
    """Return the text without the mark that some programs put in front.

    :raises InvalidLogic: too long, not UTF-8, or NUL in it
    """
    # A text may hold lone surrogates, which are no characters: they fail below, as other bytes do that are not UTF-8.
    read = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(read) > MAX_BYTES:
        raise InvalidLogic([Fault(pointer, f"has over {MAX_BYTES // 2**20} MiB")])
    text = _utf8(read, pointer).removeprefix(BOM)
    if (place := text.find("\0")) >= 0:
        raise InvalidLogic([Fault(pointer, "has the character NUL", *position(text[:place]))])
    return text


def _utf8(data: bytes, pointer: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line, column = position(data[: error.start].decode().removeprefix(BOM))
        raise InvalidLogic([Fault(pointer, "is not UTF-8", line, column)]) from error


def position(before: str) -> tuple[int, int]:
    """Return the line and the column, from 1, of what follows some text; lines end as the csv module ends them."""
    before = before.replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def column_of(line: str, cell: int) -> int:
    """Return the column, from 1, in which a cell of a line begins; of the last one if the line has fewer."""
    # A comma with an odd number of quotes before it is within quotes.
    quotes = accumulate(character == '"' for character in line)
    commas = [
        at
        for at, (character, count) in enumerate(zip(line, quotes, strict=True))
        if character == "," and count % 2 == 0
    ]
    return [1, *(at + 2 for at in commas)][min(cell, len(commas))]
