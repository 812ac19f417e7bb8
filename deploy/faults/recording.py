"""The pytest plugin that writes the result of each fault as a line of JSON, as soon as it is known."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TextIO

import pytest

NOT_RUN = "not run"

_PARAMETERS = re.compile(r"\[(.*)\]$")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--record`."""
    parser.addoption("--record", type=Path, help="the file to which a line for each fault is appended")


def pytest_configure(config: pytest.Config) -> None:
    """Register the recorder with the file that `--record` names."""
    path: Path = config.getoption("record")
    path.parent.mkdir(parents=True, exist_ok=True)
    config.pluginmanager.register(_Recorder(path.open("a")), "fault-recorder")


class _Recorder:
    def __init__(self, output: TextIO) -> None:
        self._output = output

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write a line for each planned test; the line with its result replaces this one."""
        for item in session.items:
            self._write({**place(item.nodeid), "outcome": NOT_RUN, "duration": 0.0})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._write(line(report))

    def _write(self, what: dict[str, object]) -> None:
        self._output.write(json.dumps(what) + "\n")
        self._output.flush()

    def pytest_unconfigure(self) -> None:
        self._output.close()


def line(report: pytest.TestReport) -> dict[str, object]:
    """Return what the table shows of a test."""
    return {
        **place(report.nodeid),
        "outcome": report.outcome,
        "duration": round(report.duration, 1),
        **dict(report.user_properties),
    }


def place(test: str) -> dict[str, object]:
    """Return the position of a test in the table: its parameters except the seed are part of the fault."""
    file, _, name = test.partition("::")
    found = _PARAMETERS.search(name)
    parameters = found[1].split("-") if found else []
    seed = None
    if "seed" in parameters:
        place = parameters.index("seed")
        seed = int(parameters[place + 1])
        del parameters[place : place + 2]
    return {
        "file": Path(file).stem,
        "fault": _PARAMETERS.sub("", name),
        "at": " ".join(parameters),
        "seed": seed,
    }
