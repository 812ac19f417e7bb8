"""Names the reader of a request before anything is looked up: by a key or session that was good before, or by address."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ingestion.http.asgi import AsgiScope
from ingestion.runtime import client_address
from queries.request import operator_addresses

MAX_KNOWN = 10_000  # credentials; those of strangers are never among them

_known: OrderedDict[bytes, str] = OrderedDict()
_lock = threading.Lock()


def name_of(scope: AsgiScope) -> tuple[str, bool]:
    """Return the reader's name, and whether it is known: one address may be that of many readers, behind a proxy."""
    head = dict(scope["headers"])
    credential = _credential(head.get(b"authorization", b""), head.get(b"x-api-key", b""), head.get(b"cookie", b""))
    with _lock:
        name = _known.get(credential) if credential else None
    if name is not None:
        return name, True
    peer = scope["client"][0] if scope.get("client") else ""
    return f"address {client_address.of(peer, head.get(b'x-forwarded-for', b'').decode('latin-1'))}", False


class RememberReaders:
    """Middleware behind the sign-in: remembers who was let through with which key or session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        # Only what was looked up already; the address of a sign-in looks at nothing.
        user = getattr(request, "_cached_user", None)
        credential = _credential(*(_header(request.META, name) for name in ("AUTHORIZATION", "X_API_KEY", "COOKIE")))
        if credential and user is not None and user.is_authenticated:
            _remember(credential, f"user {user.pk}")
        elif credential and not settings.DATAFLOW_OPEN_READ and _is_for_readers(request):
            _remember(credential, f"key {credential.hex()}")
        return response


def _is_for_readers(request: HttpRequest) -> bool:
    # Everything else may be reached without a key, or checks it in its view.
    return request.path == "/data" or (
        request.path.startswith("/api/") and not operator_addresses.includes(request.path)
    )


def _remember(credential: bytes, name: str) -> None:
    with _lock:
        _known[credential] = name
        _known.move_to_end(credential)
        if len(_known) > MAX_KNOWN:
            _known.popitem(last=False)


def _credential(authorization: bytes, key: bytes, cookie: bytes) -> bytes:
    """Return a digest of what the request shows as its right; empty: it shows nothing."""
    shown = authorization or key or _session(cookie)
    return hashlib.blake2b(shown, digest_size=16).digest() if shown else b""


def _session(cookie: bytes) -> bytes:
    if settings.SESSION_COOKIE_NAME.encode() not in cookie:
        return b""
    try:
        found = SimpleCookie(cookie.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return b""
    return found.value.encode() if found else b""


def _header(meta: Mapping[str, str], name: str) -> bytes:
    return str(meta.get(f"HTTP_{name}", "")).encode("latin-1", "replace")
