"""Faults as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from processing.logic.faults import Fault


def lines(faults: Iterable[Fault], *, file: str = "") -> str:
    """Return one line for each fault: `site.yaml:12:7: /rules/0/wen: unknown; did you mean when?`.

    :param file: what lines and columns are of; empty: the text at the pointer
    """
    return "\n".join(_line(fault, file) for fault in faults)


def _line(fault: Fault, file: str) -> str:
    what = f"{fault.pointer}: {fault.detail}" if fault.pointer else fault.detail
    if file:
        return f"{file}:{fault.line}:{fault.column}: {what}" if fault.line else f"{file}: {what}"
    return f"{what} (line {fault.line}, column {fault.column})" if fault.line else what
