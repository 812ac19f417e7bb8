"""The version of this release: the one place that has it. CHANGELOG.md says what each brought."""

from __future__ import annotations

VERSION = "0.7.0.dev0"
