"""Tokens of API keys: `dfe_<prefix>_<secret>`. Only a keyed hash of a token is stored."""

from __future__ import annotations

import re
import secrets
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b, sha256

from django.conf import settings

from ingestion.problems import CHALLENGE, Code, RequestRejected

SHAPE = re.compile(rb"dfe_[0-9a-f]{8}_[0-9a-f]{40}")
PREFIX = slice(4, 12)  # of a token: the part that lists and logs may show
PREFIX_LENGTH = 8

_DETAIL = "send a valid key as Authorization: Bearer, or as X-API-Key"


def make() -> str:
    """Create a token with 160 secret bits."""
    return f"dfe_{secrets.token_hex(4)}_{secrets.token_hex(20)}"


def digest(token: bytes) -> str:
    """Return the hash of a token, keyed with the site's secret."""
    return _digest(token, settings.SECRET_KEY)


def older_digests(token: bytes) -> tuple[str, ...]:
    """Return the hashes of a token under the other secrets that are accepted; none, unless they are being rotated."""
    return tuple(_digest(token, secret) for secret in settings.DATAFLOW_SECRET_KEY_FALLBACKS)


def secret_id() -> str:
    """Return a name of the present secret, which does not reveal it."""
    return _secret_id(settings.SECRET_KEY)


def token_of(head: Mapping[bytes, bytes]) -> bytes | None:
    """Return the token in a request's headers: Bearer, Token, Basic (as the password) or X-API-Key."""
    whole = head.get(b"authorization")
    if whole is None:
        return head.get(b"x-api-key")
    scheme, _, credentials = whole.partition(b" ")
    match scheme.lower():
        case b"bearer" | b"token":
            return credentials.strip()
        case b"basic":
            return _password(credentials)
    return b""


def unauthenticated(detail: str = _DETAIL) -> RequestRejected:
    """Return the refusal of a request without a valid key; it is the same for unknown and revoked keys."""
    return RequestRejected(Code.UNAUTHENTICATED, detail, headers=[CHALLENGE])


def _password(credentials: bytes) -> bytes:
    try:
        return b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


# A client sends the same token with every request.
@lru_cache(maxsize=1024)
def _digest(token: bytes, secret: str) -> str:
    return blake2b(token, key=_pepper(secret), digest_size=32).hexdigest()


@lru_cache(maxsize=8)
def _pepper(secret: str) -> bytes:
    return sha256(b"dataflow keys\0" + secret.encode()).digest()


@lru_cache(maxsize=2)
def _secret_id(secret: str) -> str:
    return blake2b(b"id", key=_pepper(secret), digest_size=4).hexdigest()
