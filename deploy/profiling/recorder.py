"""Records the stacks of a running process with py-spy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLES = 50  # a second; each stops the process for as long as its stacks are read
PATIENCE = 60.0  # seconds that reading the symbols of a process may take beside the recording
PY_SPY = str(Path(sys.executable).with_name("py-spy"))
# Stacks with the frames of C code, which py-spy reads on Linux alone.
NATIVE = ("--native",) if sys.platform == "linux" else ()


class CannotAttach(Exception):
    """py-spy may not read other processes here. The text says what to do."""


class Recording:
    """A recording that has begun."""

    def __init__(self, pid: int, *, seconds: int, file: Path) -> None:
        self._seconds = seconds
        self._file = file
        options = ("--pid", str(pid), "--duration", str(seconds), "--rate", str(SAMPLES), "--format", "raw")
        self._popen = subprocess.Popen(
            [PY_SPY, "record", *options, *NATIVE, "--output", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stacks(self) -> str:
        """Wait until it ends and return its lines: frames from the outermost, `;` between them, and how often.

        :raises CannotAttach: py-spy could not read the process
        """
        try:
            _, said = self._popen.communicate(timeout=self._seconds + PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            raise CannotAttach(f"py-spy did not end {PATIENCE:.0f} s after the recording") from None
        if self._popen.returncode:
            raise _refused(said)
        return self._file.read_text()


def check() -> None:
    """Check that py-spy may read a process that it has not started.

    :raises CannotAttach: it may not
    """
    code = "print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as target:
        assert target.stdout is not None
        # Python has started.
        target.stdout.readline()
        done = subprocess.run(
            [PY_SPY, "dump", "--pid", str(target.pid)], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        target.kill()
    if done.returncode:
        raise _refused(done.stderr)


def _refused(said: str) -> CannotAttach:
    reason = (said.strip().splitlines() or ["it said nothing"])[-1].strip()
    return CannotAttach(
        f"py-spy can't read other processes here: {reason}. Run as root, or with the capability SYS_PTRACE "
        "(in a container: `--cap-add SYS_PTRACE`)."
    )
