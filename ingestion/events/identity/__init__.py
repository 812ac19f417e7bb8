"""What identifies an event and its source: ids, and the hash of the content. May import the model of an event."""

from __future__ import annotations
