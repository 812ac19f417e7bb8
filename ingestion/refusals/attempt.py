"""What a receiver knows of a request while it answers it, for the example that is kept if it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from ingestion.events.batch import KEPT_BYTES, Sent

if TYPE_CHECKING:
    from ingestion.auth.api_keys import Grant


class Way(StrEnum):
    """The receiver and the format."""

    HTTP = "http"
    CLOUDEVENTS = "cloudevents"
    INFLUX = "influx"
    GRPC = "grpc"


@dataclass(slots=True)
class Attempt:
    """One request, as far as it is read. Never its headers."""

    way: Way
    path: str  # without the query; of a call over gRPC its method
    grant: Grant | None = None  # None: the key is not known yet, or not valid
    body: bytes = b""  # or its beginning
    size: int | None = None  # bytes of the whole body; None: unknown, or that of `body`
    source: Callable[[], str] | None = None  # reads the one that stands outside of the body, which is one event

    def sent(self) -> Sent | None:
        """Return the beginning of the body; None: it was not read."""
        if not self.body:
            return None
        kept = Sent(self.body[:KEPT_BYTES], self.size or len(self.body), one_event=self.source is not None)
        return self.named(kept)

    def named(self, sent: Sent) -> Sent:
        """Return what was sent, with the source that stands outside of it."""
        return sent if self.source is None else msgspec.structs.replace(sent, source=self.source())
