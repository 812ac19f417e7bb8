"""One Python program, as it was asked for: where it runs, what it writes to, and how it begins."""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


@dataclass(frozen=True, slots=True)
class Program:
    """What follows `python` on a command line, with its environment and folder."""

    arguments: list[str]  # `-m`, a module and its words; or the path of a script and its words
    env: dict[str, str]
    folder: str
    stop_signal: int  # what it receives when its parent ends

    def settle(self, output: int, parent: int) -> None:
        """Make this process, a fork, what a new one would be: a session, streams, environment and folder of its own."""
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, self.stop_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent process has ended already")
        nothing = os.open(os.devnull, os.O_RDONLY)
        for stream, source in enumerate((nothing, output, output)):
            os.dup2(source, stream)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(self.env)
        os.chdir(self.folder)

    def run(self) -> None:
        """Run the program as the main one of this process, until it ends."""
        if self.arguments[0] == "-m":
            _, module, *_ = self.arguments
            sys.argv[:] = self.arguments[1:]
            sys.path[0] = self.folder
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return
        sys.argv[:] = self.arguments
        sys.path[0] = str(Path(self.arguments[0]).parent)
        runpy.run_path(self.arguments[0], run_name="__main__")
