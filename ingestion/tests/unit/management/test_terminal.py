"""How commands lay out text: tables that fit, colours only for those who want them."""

from __future__ import annotations

import re
from io import StringIO

import pytest

from ingestion.management.tables import Cell, Column, Row, table
from ingestion.management.terminal import Terminal, bar, cut, printable, sparkline, width_of

COLUMNS = (
    Column("number", right=True),
    Column("source", least=8),
    Column("why", least=12),
    Column("since", spare=1),
    Column("place", spare=2),
)
LONG = "expected RFC 3339 with a zone: 2025-04-11T12:00:00Z"
WIDE = "工場.温度計" * 6
ROWS: list[Row] = [
    (
        "17",
        "plant-a.press-1",
        "expected RFC 3339 with a zone: 2025-04-11T12:00:00Z",
        "2026-03-01T12:00:00Z",
        "raw-data/3/41/0",
    ),
    ("123,456", WIDE, Cell("late\n\x1b[2Jand\x9b31m\u202e wrong", "bad"), "–", "raw-data/12/4711/12"),
]


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
@pytest.mark.parametrize("colours", [False, True])
def test_no_line_of_a_table_is_wider_than_the_terminal(width: int, colours: bool) -> None:
    lines = table(COLUMNS, ROWS, Terminal(width, colours))
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]

    assert len(lines) == 3
    assert max(map(width_of, plain)) <= width
    assert all(line.isprintable() for line in plain)
    assert ("\x1b" in "".join(lines)) is colours
    assert "place" in plain[0] or width < 140


def test_what_is_no_terminal_gets_whole_rows() -> None:
    [_, first, second] = table(COLUMNS, ROWS, Terminal())

    assert LONG in first
    assert WIDE in second


def test_colours_are_for_terminals_whose_owner_has_not_refused_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "93")
    coloured = Terminal.of(Screen())
    piped = Terminal.of(StringIO())
    monkeypatch.setenv("NO_COLOR", "1")

    assert (coloured.width, coloured.colours) == (93, True)
    assert not piped.colours
    assert not Terminal.of(Screen()).colours
    assert coloured.paint("late", "bad") == "\x1b[31;1mlate\x1b[0m"
    assert piped.paint("late", "bad") == "late"


def test_texts_are_cut_by_columns_and_bars_are_full_by_share() -> None:
    assert cut("工場の温度計", 7) == "工場の…"
    assert printable("a\tb\x07") == "a b�"
    assert bar(0.5, 4) == "██░░"
    assert sparkline([0, 0, 1, 1, 7, 7], 3) == "·▂█"
