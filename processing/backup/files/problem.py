"""What ends a backup or a restore."""

from __future__ import annotations


class BackupProblem(Exception):
    """It can't be done. The text is one sentence with the way out; nothing was left half done. Show it, and end with 2."""
