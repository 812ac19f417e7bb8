"""The API of keys: list, create, rotate, expire and revoke. Needs a key with the scope `admin` for all sources."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion.auth import api_keys
from ingestion.models import Key
from ingestion.problems import Code
from queries import authentication
from queries.key_bodies import KeyExpiry, NewKey
from queries.openapi.describe import About, describe
from queries.openapi.operation import Access
from queries.request import json_body
from queries.schemas import Keys, KeyShape, KeyWithToken
from queries.scoped_views import ApiView

ABOUT: dict[str, Any] = {"tag": "Keys", "access": Access.KEY}
ALL = (Code.SOURCE_NOT_ALLOWED,)
ONE = (Code.NOT_FOUND, *ALL)


class _KeyView(ApiView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.who = f"key {authentication.operator(request).key}"


class KeyList(_KeyView):
    """Every key, newest first. A POST makes a key and returns its token, which can't be read again."""

    name = "Keys"

    @describe(Keys, About(name="listKeys", summary="List keys", codes=ALL, **ABOUT))
    def get(self, request: Request) -> Response:
        return Response({"results": [api_keys.shape(key) for key in Key.objects.all()]})

    @describe({201: KeyWithToken}, About(name="createKey", summary="Make a key", body=NewKey, codes=ALL, **ABOUT))
    def post(self, request: Request) -> Response:
        wanted = json_body.read(request, NewKey).checked()
        made = api_keys.create(
            wanted.name,
            wanted.scopes,
            sources=wanted.sources,
            rate=wanted.rate,
            expires_at=wanted.expires_at,
            by=self.who,
        )
        return _made(*made)


class KeyRotation(_KeyView):
    """A POST makes a second key with the same rights. The first one expires after a day."""

    name = "Rotate a key"

    @describe({201: KeyWithToken}, About(name="rotateKey", summary="Replace a key", codes=ONE, **ABOUT))
    def post(self, request: Request, prefix: str) -> Response:
        return _made(*api_keys.rotate(get_object_or_404(Key, prefix=prefix, revoked_at=None), by=self.who))


class KeyExpiryView(_KeyView):
    """A POST sets when the key expires."""

    name = "Let a key expire"

    @describe(KeyShape, About(name="expireKey", summary="Set when a key expires", body=KeyExpiry, codes=ONE, **ABOUT))
    def post(self, request: Request, prefix: str) -> Response:
        expires_at = json_body.read(request, KeyExpiry).checked()
        key = get_object_or_404(Key, prefix=prefix, revoked_at=None)
        api_keys.expire(key, at=expires_at)
        return Response(api_keys.shape(key))


class KeyRevocation(_KeyView):
    """A POST revokes the key at once."""

    name = "Revoke a key"

    @describe(KeyShape, About(name="revokeKey", summary="Revoke a key", codes=ONE, **ABOUT))
    def post(self, request: Request, prefix: str) -> Response:
        key = get_object_or_404(Key, prefix=prefix)
        api_keys.revoke(key)
        return Response(api_keys.shape(key))


def _made(key: Key, token: str) -> Response:
    return Response({**api_keys.shape(key), "token": token}, status=status.HTTP_201_CREATED)
