"""Finds free ports of 127.0.0.1 and reserves them."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

HOST = "127.0.0.1"
# Below the kernel's range for outgoing connections: a client that retries while a server is down
# could otherwise be given the server's own port, and then it talks to itself. Below the ports of `make cluster`, too.
FREE_RANGE = range(20_000, 25_000)


def is_taken(port: int) -> bool:
    """Return whether a socket of another process is bound to the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def free_port() -> int:
    """Return a port that nothing listens on and reserve it for this process until it ends.

    Test workers and launchers that run at the same time never get the same port.

    :raises NoFreePort: every port that was tried is taken or reserved
    """
    for port in random.sample(FREE_RANGE, 500):
        if not is_taken(port) and reserve(port):
            return port
    raise NoFreePort


def reserve(port: int) -> bool:
    """Reserve the port until this process ends; return False if this or another process has reserved it."""
    return _reservations().reserve(port)


class NoFreePort(Exception):
    """Every port that was tried is taken or reserved: look for processes that were left running."""


class _Reservations:
    """One file of the user; a lock on the byte at a port's number reserves the port.

    The kernel drops the locks when the process ends: https://man7.org/linux/man-pages/man2/fcntl_locking.2.html
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._reserved: set[int] = set()

    def reserve(self, port: int) -> bool:
        """Reserve the port; return False if it is reserved already, by this process or another one."""
        if port in self._reserved:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._reserved.add(port)
        return True


@cache
def _reservations() -> _Reservations:
    # Not shared between users: the file of one cannot be locked by another.
    return _Reservations(Path(tempfile.gettempdir()) / f"dataflow-ports-{os.getuid()}")


def answers(host: str, port: int, timeout: float = 0.5) -> bool:
    """Return whether a server accepts connections there within `timeout` seconds."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False
