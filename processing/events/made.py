"""What logic makes of events: their rows' payload and tags. Documents keep what was sent."""

from __future__ import annotations

import msgspec

from ingestion.events.identity.content_hash import is_same_content


class Made(msgspec.Struct, frozen=True, gc=False):
    """The row of an event that logic has done something with."""

    values: dict[str, object]  # of the payload
    tags: tuple[str, ...] = ()
    is_changed: bool = True  # False: the values are as sent

    def is_like(self, other: Made) -> bool:
        """Return whether both rows have the same content, however numbers are spelled."""
        return (self.is_changed, self.tags) == (other.is_changed, other.tags) and is_same_content(
            self.values, other.values
        )


def as_sent(values: dict[str, object]) -> Made:
    """Return the row of an event that logic has not changed."""
    return Made(values, is_changed=False)
