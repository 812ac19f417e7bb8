"""Runs a command that receives a signal when its parent process ends.

`die_with_parent.py PARENT SIGNAL USER COMMAND …` is started by path with `python -I -S`, which takes milliseconds, and
replaces itself with the command. USER is the user to run it as, or `-` for the current one.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def main() -> None:
    """Set the signal of the parent's death and become the command."""
    parent, signal_number, user, *command = sys.argv[1:]
    if user != "-":
        _become(user)
    # After the change of user, which resets it.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("the parent process has ended already")
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main()
