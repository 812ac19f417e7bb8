"""What a consumer measures of its own work: how long steps take, how far partitions are behind, what it waits for."""

from __future__ import annotations
