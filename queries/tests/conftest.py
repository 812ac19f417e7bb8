"""Fixtures of the tests of the read API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processing.kafka import end_offsets
from processing.ledger import header_reader


@pytest.fixture(autouse=True)
def _no_kafka_client_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every site has topics of its own, so the process would keep a client for each."""
    # A loaded machine takes longer than a page should wait.
    monkeypatch.setattr(header_reader, "MAX_WAIT", 20.0)
    yield
    for reader in end_offsets._readers.values():
        reader._drop_client()
    end_offsets._readers.clear()
    for counts in header_reader._readers.values():
        counts.close()
    header_reader._readers.clear()
