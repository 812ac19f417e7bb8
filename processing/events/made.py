"""What logic makes of events: their rows' payload and tags. Documents keep what was sent."""

from __future__ import annotations

import msgspec


class Made(msgspec.Struct, frozen=True, gc=False):
    """The row of an event that logic has changed."""

    values: dict[str, object]
    payload: bytes  # JSON of the values
    hash: int | None  # the content hash of time and values, if those were changed; None: as sent
    tags: tuple[str, ...]
