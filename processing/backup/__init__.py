"""Backs both stores up into a folder of streams, and restores them from it. May import kafka and stores."""

from __future__ import annotations
