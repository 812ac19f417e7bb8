"""The clients of Kafka that a process keeps for each topic it reads offsets or headers of."""

from __future__ import annotations

from processing.kafka import end_offsets
from processing.ledger import header_reader


def close_all() -> None:
    """Close them: every site has topics of its own, so the tests' process would keep a client for each."""
    for reader in end_offsets._readers.values():
        reader._drop_client()
    end_offsets._readers.clear()
    for counts in header_reader._readers.values():
        counts.close()
    header_reader._readers.clear()
