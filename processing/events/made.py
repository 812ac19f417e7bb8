"""What logic makes of events: their rows' payload and tags. Documents keep what was sent."""

from __future__ import annotations

import msgspec

from ingestion.events.identity.content_hash import is_same_content

_encode = msgspec.json.Encoder().encode


class Made(msgspec.Struct, frozen=True, gc=False):
    """The row of an event that logic has done something with."""

    values: dict[str, object]  # of the payload
    tags: tuple[str, ...] = ()
    is_changed: bool = True  # False: the values are as sent
    added: bytes | None = None  # JSON of the members that follow those that were sent, if nothing else was changed

    def payload(self, sent: bytes) -> bytes:
        """Return the payload of the row as JSON.

        :param sent: the payload that was
        """
        if not self.is_changed:
            return sent
        if self.added is None:
            return _encode(self.values)
        # In half the time, and with the sender's spelling.
        return b"%b%b}" % (sent[:-1], self.added)

    def is_like(self, other: Made) -> bool:
        """Return whether both rows have the same content, however numbers are spelled."""
        return (self.is_changed, self.tags) == (other.is_changed, other.tags) and is_same_content(
            self.values, other.values
        )


def as_sent(values: dict[str, object]) -> Made:
    """Return the row of an event that logic has not changed."""
    return Made(values, is_changed=False)
