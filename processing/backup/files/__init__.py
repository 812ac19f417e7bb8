"""The files of a backup: their folder, manifest, compression and encryption. Imports nothing of the stores."""

from __future__ import annotations
