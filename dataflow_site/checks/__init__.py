"""Checks that find wrong settings before they do harm; each finding says what to set instead. May import the apps."""

from __future__ import annotations
