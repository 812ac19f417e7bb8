"""How much memory the C library has handed out: unlike the size of the process it falls when memory is given back."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

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

    Of Python's objects only those of more than 512 bytes are among them.
    """
    if _ask is None:
        return None
    found = _ask()
    return int(found.uordblks + found.hblkhd)
