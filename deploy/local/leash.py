"""Runs a command that is told to stop when the process that started it is gone.

`leash.py PARENT SIGNAL USER COMMAND …`, started by path with `python -I -S` so that it costs milliseconds, then
replaced by the command. USER is a name to become first, or `-`.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def main() -> None:
    parent, signal_number, user, *command = sys.argv[1:]
    if user != "-":
        _become(user)
    # After the change of user, which would undo it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("the process that wanted this one is gone")
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main()
