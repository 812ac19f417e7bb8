"""Signs what goes through Redis, so that nothing is believed of whoever can write to Redis but does not know the site's secret.

A signed value is `1:<32 hexadecimal digits>:<body>`: the version of this form, a keyed hash of name and body, and the body.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256

from django.conf import settings

_VERSION = b"1:"
_DIGITS = 32  # of the hash; 128 bits
_BODY = len(_VERSION) + _DIGITS + 1


def sign(name: str | bytes, body: bytes) -> bytes:
    """Return the signed value.

    :param name: the key or channel; the value is valid nowhere else
    """
    return b"%b%b:%b" % (_VERSION, _hash(settings.SECRET_KEY, name, body), body)


def verify(name: str | bytes, value: object) -> bytes | None:
    """Return the body of a signed value; None if it is anything else: changed, of another key, version or secret."""
    if not isinstance(value, bytes) or not value.startswith(_VERSION):
        return None
    body, given = value[_BODY:], value[len(_VERSION) : _BODY]
    # The older ones: while the secret is changed, processes with either one understand each other.
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return body if any(hmac.compare_digest(given, b"%b:" % _hash(secret, name, body)) for secret in secrets) else None


def _hash(secret: str, name: str | bytes, body: bytes) -> bytes:
    raw = name.encode() if isinstance(name, str) else name
    # The length keeps a name and a body apart.
    message = b"%d:%b%b" % (len(raw), raw, body)
    return hmac.digest(_key(secret), message, "sha256").hex()[:_DIGITS].encode()


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return sha256(b"dataflow redis values\0" + secret.encode()).digest()
