"""Reads the W3C trace context that a request came with; what is not valid counts as absent.

https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import re

LENGTH = 55  # characters of version 00, and the known part of later versions
MAX_LINKS = 128  # of one span to others: OpenTelemetry's default limit
MOST = 256  # characters of a later version; a longer header is not looked at

# Version ff and ids of zeros are forbidden. Letters are lower case.
_KNOWN = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE_ID = slice(3, 35)


def parse(header: bytes | str | None) -> bytes | None:
    """Return a header of version 00 as it was sent, and one of a later version as version 00.

    A later version may have more fields; those of version 00 keep their places, and no other may be sent on.

    :returns: None: there is none, or it is not valid; then a new trace begins
    """
    if header is None or not LENGTH <= len(header) <= MOST:
        return None
    text = header.encode("ascii", "replace") if isinstance(header, str) else bytes(header)
    if not _KNOWN.fullmatch(text, 0, LENGTH):
        return None
    if text.startswith(b"00-"):
        return text if len(text) == LENGTH else None
    return b"00" + text[2:LENGTH] if text[LENGTH : LENGTH + 1] in {b"", b"-"} else None


def is_sampled(trace: bytes) -> bool:
    """Return whether the caller traces a request.

    :param trace: what parse() returned
    """
    # https://www.w3.org/TR/trace-context/#sampled-flag
    return bool(int(trace[53:], 16) & 1)


def trace_id_of(header: bytes | str | None) -> str | None:
    """Return the trace id of a header, 32 hexadecimal digits; None: there is no valid one."""
    valid = parse(header)
    return None if valid is None else valid[_TRACE_ID].decode()
