"""The line that a long command shows."""

from __future__ import annotations

from io import StringIO

import pytest

from processing.commandline.progress import Progress


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_how_much_is_done_and_how_long_the_rest_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    now = [100.0]
    monkeypatch.setattr("processing.commandline.progress.time.monotonic", lambda: now[0])
    screen = Screen()
    shown = Progress(screen)

    shown.advance("rows", 0, 4_000)
    now[0] = 110.0
    shown.advance("rows", 1_000, 4_000)
    now[0] = 111.0
    shown.advance("looks", 7)

    lines = screen.getvalue().split("\r\x1b[K")[1:]
    assert lines == [
        "░" * 20 + "   0%  0 of 4,000 rows",
        "█" * 5 + "░" * 15 + "  25%  1,000 of 4,000 rows, 100/s, 30 s left",
        "7 looks",
    ]


def test_without_a_terminal_nothing_is_shown() -> None:
    written = StringIO()

    Progress(written).advance("rows", 1, 2)

    assert written.getvalue() == ""
