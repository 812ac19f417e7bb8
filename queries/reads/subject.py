"""What an answer about stored events depends on."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ingestion.auth.read_scope import ReadScope


class Subject(NamedTuple):
    """Sources, and a range of event time: an answer is right until something of this changes."""

    sources: ReadScope
    start: datetime | None  # inclusive; None: from the first event on
    end: datetime | None  # exclusive; None: up to the last one
