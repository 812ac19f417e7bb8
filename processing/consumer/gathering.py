"""How long records are gathered before they go to the stores as a batch, and how many at most."""

from __future__ import annotations

# Every batch costs the stores some work that does not grow with its events: a transaction, a command, a row for each source
# and field. Gathering for as long as the last batch took keeps that in proportion, and adds half of it to the delay.
LEAST = 0.02  # seconds: what a batch of a single event takes
# Seconds; from there on more events a batch save little. Against 0.02 it saves the consumer a third of its CPU time under load,
# and PostgreSQL more than half.
MOST = 0.1

# Of records, after which a batch is closed, so that large events take no more memory; it may exceed it by what one poll
# returns.
MOST_BYTES = 4 * 1024 * 1024


class Gathering:
    """Follows what batches cost."""

    def __init__(self) -> None:
        self.seconds = LEAST  # from the first record of a batch to its last

    def settled(self, seconds: float) -> None:
        """Note how long the stores took for a batch."""
        self.seconds = min(MOST, max(LEAST, seconds))


def is_full(events: int, size: int, *, most: int) -> bool:
    """Return whether a batch of so many events and bytes of records is to be closed."""
    return events >= most or size >= MOST_BYTES
