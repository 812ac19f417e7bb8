"""Bodies of requests that Django REST framework reads."""

from __future__ import annotations

import difflib
from typing import Any

from rest_framework import serializers


class Input(serializers.Serializer):  # type: ignore[type-arg]  # not generic while it runs
    """Refuses members that it does not know: a misspelt one would be ignored, and a default taken without a word."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({"": f"a member is unknown; {self._hint(unknown[0])}"})
        return super().to_internal_value(data)

    def _hint(self, name: str) -> str:
        nearest = difflib.get_close_matches(name.replace("_", "").lower(), self.fields, n=1)
        return f"did you mean {nearest[0]}?" if nearest else f"there are: {', '.join(self.fields)}"
