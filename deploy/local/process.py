"""One child process: started so that it ends with its parent, logged to a file, stopped, killed or frozen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

import psutil

DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
POLL_INTERVAL = 0.05  # seconds


class DidNotStart(Exception):
    """A process ended or was not ready in time. The text names it and ends with its log."""


class Child(Protocol):
    """What this module needs of a started process; `subprocess.Popen` is one."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...


class Process:
    """A child process in a session of its own, so that Ctrl-C reaches only its parent.

    Start it from the main thread: the kernel sends the signal of the parent's death when the starting thread ends.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str | None = None,
    ) -> None:
        self.log_path = log
        self._stop_signal = stop_signal
        self._user = user
        self._frozen = False
        with log.open("ab") as output:
            self._popen = self._start(command, output, env, cwd)

    def _start(
        self, command: Sequence[str], output: IO[bytes], env: Mapping[str, str] | None, cwd: Path | None
    ) -> Child:
        wrapper = [
            sys.executable,
            "-I",
            "-S",
            str(DIE_WITH_PARENT),
            str(os.getpid()),
            str(int(self._stop_signal)),
            self._user or "-",
        ]
        return subprocess.Popen(
            [*wrapper, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Return whether the process has not ended."""
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return the exit code: None while the process runs, negative if a signal ended it."""
        return self._popen.poll()

    @property
    def log(self) -> str:
        """Return everything that the process has written."""
        return self.log_path.read_text(errors="replace")

    def await_ready(self, answers: Callable[[], bool], *, seconds: float, name: str) -> None:
        """Wait until `answers` returns True.

        :raises DidNotStart: the process ended, or `answers` stayed False for `seconds`
        """
        deadline = time.monotonic() + seconds
        while not answers():
            if not self.running:
                raise DidNotStart(f"{name} ended with code {self.exit_code}:\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise DidNotStart(f"{name} gave no answer for {seconds:.0f} s:\n{self.last_lines()}")
            time.sleep(POLL_INTERVAL)

    def last_lines(self, count: int = 15) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.splitlines()[-count:])

    def ask_to_stop(self) -> None:
        """Send the stop signal without waiting for the end."""
        if self.running:
            self.thaw()
            self._popen.send_signal(self._stop_signal)

    def stop(self, seconds: float = 25.0) -> int:
        """Stop the process and return its exit code. It is killed if it takes longer than `seconds`."""
        self.ask_to_stop()
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._popen.wait()

    def kill(self) -> None:
        """Kill the process and all its descendants with SIGKILL."""
        family = self._family()
        self._signal(family, signal.SIGKILL)
        self._popen.wait()
        psutil.wait_procs(family, timeout=5)

    def freeze(self) -> None:
        """Stop the process and all its descendants with SIGSTOP: their sockets stay open but nothing answers."""
        self._frozen = True
        # Twice: a child may have been started between the listing and the signal.
        self._signal(self._family(), signal.SIGSTOP)
        self._signal(self._family(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume the process and all its descendants after `freeze`, or after it stopped itself."""
        # Finding its descendants reads every process of the machine.
        if self._frozen or self._is_stopped():
            self._signal(self._family(), signal.SIGCONT)
            self._frozen = False

    def _is_stopped(self) -> bool:
        try:
            return self.running and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def _family(self) -> list[psutil.Process]:
        if not self.running:
            return []
        try:
            head = psutil.Process(self.pid)
            return [head, *head.children(recursive=True)]
        except psutil.NoSuchProcess:  # it has ended meanwhile, and its parent is another process
            return []

    @staticmethod
    def _signal(family: Sequence[psutil.Process], number: signal.Signals) -> None:
        for process in family:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
