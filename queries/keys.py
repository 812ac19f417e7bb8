"""The keys' API: list, create, rotate and revoke, for whoever holds a key with the scope `admin`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ingestion import keys
from ingestion.models import Key, Scope, check_rate, check_source
from queries import gate
from queries.inputs import Input


class KeyInput(Input):
    """What a new key is to be."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), default=[Scope.INGEST.value])
    sources = serializers.ListField(child=serializers.CharField(max_length=128), default=list)
    rate = serializers.CharField(default="", allow_blank=True, max_length=100)
    expiresAt = serializers.DateTimeField(default=None, allow_null=True)  # noqa: N815

    def validate_rate(self, rate: str) -> str:
        return _checked(check_rate, rate)

    def validate_sources(self, sources: list[str]) -> list[str]:
        return [_checked(check_source, source) for source in sources]


class _KeyView(APIView):
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        gate.operator(request)


class KeyList(_KeyView):
    """Every key, newest first; a POST makes one and gives its token, once."""

    name = "Keys"

    def get(self, request: Request) -> Response:
        return Response({"results": [keys.shape(key) for key in Key.objects.all()]})

    def post(self, request: Request) -> Response:
        wanted = KeyInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        made = keys.create(
            given["name"],
            given["scopes"],
            sources=given["sources"],
            rate=given["rate"],
            expires_at=given["expiresAt"],
        )
        return _made(*made)


class KeyRotation(_KeyView):
    """A POST makes a second key with the same rights; the first one ends in a day."""

    name = "Rotate a key"

    def post(self, request: Request, prefix: str) -> Response:
        return _made(*keys.rotate(get_object_or_404(Key, prefix=prefix, revoked_at=None)))


def _checked(check: Callable[[str], None], text: str) -> str:
    try:
        check(text)
    except ValidationError as error:
        raise serializers.ValidationError(error.messages) from error
    return text


class ExpiryInput(Input):
    """When a key is to end; null: never."""

    expiresAt = serializers.DateTimeField(allow_null=True)  # noqa: N815


class KeyExpiry(_KeyView):
    """A POST says when the key ends."""

    name = "Let a key expire"

    def post(self, request: Request, prefix: str) -> Response:
        wanted = ExpiryInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        key = get_object_or_404(Key, prefix=prefix, revoked_at=None)
        keys.expire(key, at=wanted.validated_data["expiresAt"])
        return Response(keys.shape(key))


class KeyRevocation(_KeyView):
    """A POST ends the key now."""

    name = "Revoke a key"

    def post(self, request: Request, prefix: str) -> Response:
        key = get_object_or_404(Key, prefix=prefix)
        keys.revoke(key)
        return Response(keys.shape(key))


def _made(key: Key, token: str) -> Response:
    return Response({**keys.shape(key), "token": token}, status=status.HTTP_201_CREATED)
