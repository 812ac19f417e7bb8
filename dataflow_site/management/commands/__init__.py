"""The commands themselves, one module each. May import everything."""

from __future__ import annotations
