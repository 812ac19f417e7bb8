"""Describes the machine and the time of a measurement."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil


def describe() -> str:
    """Return one line with the machine's processor, memory and versions."""
    memory = psutil.virtual_memory().total / 2**30
    today = datetime.now(UTC).date().isoformat()
    python = platform.python_version()
    return (
        f"{today}, {psutil.cpu_count()} cores of {_processor()}, {memory:.0f} GiB, {platform.system()}, Python {python}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
