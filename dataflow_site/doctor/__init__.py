"""Looks at every server, setting and right that the product depends on: `manage.py doctor`. May import the apps."""

from __future__ import annotations
