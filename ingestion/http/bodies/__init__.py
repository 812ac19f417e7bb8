"""How bodies are read over HTTP: their media types, gzip, and the memory that all of them may take."""

from __future__ import annotations
