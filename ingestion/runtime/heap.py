"""The memory of the C library: how much it has handed out, and in how many parts it keeps what threads give back."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_M_ARENA_MAX = -8  # mallopt(3)
# Django answers each request on a thread of its own. With an arena for each, up to eight per core, the web process grew by 27 MB
# within some minutes of `make fuzz`, with two by 6 MB. A consumer that works off a backlog frees on one thread what it took on
# another: at the peak 212 MB with two and smaller first batches, 298 MB before.
_ARENAS = 2
_FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _Info(ctypes.Structure):
    """https://man7.org/linux/man-pages/man3/mallinfo.3.html."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS.split()]


def _mallinfo() -> Callable[[], _Info] | None:
    try:
        found = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):  # another system than Linux with glibc 2.33 or later
        return None
    found.restype = _Info
    return found


_ask = _mallinfo()


def bytes_in_use() -> int | None:
    """Return the bytes, in up to a millisecond; None: this system does not tell.

    Unlike the size of the process they become fewer when memory is given back. Of Python's objects only those of more
    than 512 bytes are among them.
    """
    if _ask is None:
        return None
    found = _ask()
    return int(found.uordblks + found.hblkhd)


def bound_arenas() -> None:
    """Let all threads share a few arenas; where the C library is not glibc, do nothing. Call it before there are threads."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
