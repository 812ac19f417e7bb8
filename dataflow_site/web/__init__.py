"""The edge of the web process: its protocol, bounds on what it reads, its pages of errors and of its health. May import the apps."""

from __future__ import annotations
