"""The status line of the frame is of now, however threads take turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from dashboard.frame import status
from dashboard.panels import status_line
from dashboard.panels.status_line import StatusLine
from ingestion.auth.read_scope import ReadScope


class Hasty(ThreadPoolExecutor):
    """Threads that are done before whoever submits goes on, if nothing holds them up."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        asked = super().submit(fn, *args, **kwargs)
        wait([asked], timeout=0.3)
        return asked


def line(text: str) -> StatusLine:
    return {"tone": "good", "word": "Healthy", "text": text, "openDeadLetters": ""}


def test_an_answer_that_comes_at_once_is_not_kept_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    scope = ReadScope(frozenset({"of this test"}))
    monkeypatch.setattr(status, "_threads", Hasty(max_workers=1))
    monkeypatch.setattr(status, "FRESH_SECONDS", 0.05)

    shown = []
    for text in ("first", "second", "third"):
        monkeypatch.setattr(status_line, "read", lambda *, scope, text=text: line(text))
        time.sleep(0.1)
        shown.append(status.read(scope=scope)["text"])

    assert shown == ["first", "second", "third"]
