"""Lets a TCP connection end with a reset."""

from __future__ import annotations

import socket
import struct

_AT_ONCE = struct.pack("ii", 1, 0)  # for SO_LINGER: wait until all is sent, for no time


def reset_at_end(connection: socket.socket) -> None:
    """Let the connection end with a reset: at once, and unlike an end that the peer would take for a regular one.

    What was written and is not sent yet is dropped. The caller then shuts the connection down, or closes it.

    :raises OSError: it is closed already
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
