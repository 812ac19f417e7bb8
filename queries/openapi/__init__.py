"""The OpenAPI document: what it says of parameters, bodies, answers and problems. May import every subject, but no view."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]  # a part of the document
