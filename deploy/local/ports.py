"""Which ports of 127.0.0.1 are free, which are taken."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
# Below the kernel's range for outgoing connections: a client that retries while a server is down
# could otherwise be given the server's own port, and then it talks to itself.
FREE_RANGE = range(20_000, 32_000)


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def free_port() -> int:
    """Give a port that nobody listens on; another process may still be quicker to take it."""
    for port in random.sample(FREE_RANGE, 200):
        if not is_taken(port):
            return port
    raise NoFreePort


class NoFreePort(Exception):
    """Two hundred ports were tried and each was taken: something on this machine is wrong."""


def answers(host: str, port: int, timeout: float = 0.5) -> bool:
    """Tell whether something accepts connections there within `timeout` seconds."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False
