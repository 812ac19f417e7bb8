"""Runs processes of the product with a wrong clock, by libfaketime."""

from __future__ import annotations

from pathlib import Path

import pytest

LIBRARIES = [
    Path("/usr/lib") / folder / "faketime" / "libfaketimeMT.so.1"
    for folder in ("x86_64-linux-gnu", "aarch64-linux-gnu", "")
]
LIBRARY = next((path for path in LIBRARIES if path.exists()), None)

needs_faketime = pytest.mark.skipif(
    LIBRARY is None, reason="there is no libfaketime: on Debian and Ubuntu, apt-get install faketime"
)


def off_by(offset: str) -> dict[str, str]:
    """Return the environment of a process whose clock is off, e.g. by "-2h".

    A clock that shows how much time has passed can't be wrong, so that one is right.
    """
    return {"LD_PRELOAD": str(LIBRARY), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
