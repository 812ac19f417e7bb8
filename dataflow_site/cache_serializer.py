"""The serializer of Django's cache (setting CACHES): signed JSON, of which nothing but ours is read."""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django_redis.serializers.base import BaseSerializer

from ingestion.runtime import signed_values

_NAME = "django cache"  # django-redis does not tell a serializer the key


class SignedJSON(BaseSerializer):  # type: ignore[misc]  # django-redis has no types
    """What is not signed by this site, such as another release's pickle, is read as None: not in the cache."""

    def dumps(self, value: Any) -> bytes:
        return signed_values.sign(_NAME, json.dumps(value, cls=DjangoJSONEncoder).encode())

    def loads(self, value: bytes) -> Any:
        body = signed_values.verify(_NAME, value)
        return None if body is None else json.loads(body)
