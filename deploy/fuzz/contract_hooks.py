"""What schemathesis has to be told of this product; it imports this module."""

from __future__ import annotations

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context: object, value: object) -> bytes:
    """Return a body of lines as it is sent."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
