"""Commands of manage.py that need the environment; the others are of the apps below, which these may import."""

from __future__ import annotations
