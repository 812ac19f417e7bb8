"""What messages of the service hold: the events of a request, and the answer to it. Knows no call."""

from __future__ import annotations
