"""One child process: started on a leash, logged to a file, stopped, killed, frozen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

LEASH = Path(__file__).with_name("leash.py")
POLL = 0.05  # seconds between two looks


class DidNotStart(Exception):
    """A process ended, or gave no answer in time; the text says which and shows the end of its log."""


class Process:
    """A command that runs beside us, in its own session so that a Ctrl-C reaches only its starter.

    Start it from the main thread: the kernel counts it as abandoned when the thread that started it ends.
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
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(stop_signal)), user or "-"]
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*leash, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, negative when a signal ended it."""
        return self._popen.poll()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def await_ready(self, answers: Callable[[], bool], *, seconds: float, name: str) -> None:
        """:raises DidNotStart: the process ended, or `answers` stayed False for `seconds`"""
        deadline = time.monotonic() + seconds
        while not answers():
            if not self.running:
                raise DidNotStart(f"{name} ended with code {self.exit_code}:\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise DidNotStart(f"{name} gave no answer for {seconds:.0f} s:\n{self.last_lines()}")
            time.sleep(POLL)

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.splitlines()[-count:])

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self.running:
            self.thaw()
            self._popen.send_signal(self._stop_signal)

    def stop(self, seconds: float = 25.0) -> int:
        """Stop it in order; one that takes longer than `seconds` is killed. Give its exit code."""
        self.ask_to_stop()
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._popen.wait()

    def kill(self) -> None:
        """SIGKILL, with every process that it started itself."""
        family = self._family()
        self._signal(family, signal.SIGKILL)
        self._popen.wait()
        psutil.wait_procs(family, timeout=5)

    def freeze(self) -> None:
        """SIGSTOP, with every process that it started itself: it holds its sockets and answers nobody."""
        # Twice: it may have started one more between the look and the signal.
        self._signal(self._family(), signal.SIGSTOP)
        self._signal(self._family(), signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(self._family(), signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        if not self.running:
            return []
        head = psutil.Process(self.pid)
        return [head, *head.children(recursive=True)]

    @staticmethod
    def _signal(family: Sequence[psutil.Process], number: signal.Signals) -> None:
        for process in family:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
