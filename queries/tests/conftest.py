"""Fixtures of the tests of the read API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processing.ledger import header_reader
from processing.tests import kafka_readers


@pytest.fixture(autouse=True)
def _no_kafka_client_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every site has topics of its own, so the process would keep a client for each."""
    # A loaded machine takes longer than a page should wait.
    monkeypatch.setattr(header_reader, "MAX_WAIT", 20.0)
    yield
    kafka_readers.close_all()
