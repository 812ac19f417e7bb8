"""The environment, the file of settings beside it, and what of a local run they decide. Imported by settings and the launcher."""

from __future__ import annotations
