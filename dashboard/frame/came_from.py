"""The page of this site that a request came from, to which an action leads back."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest


def page(request: HttpRequest) -> str:
    """Return the address of the page by the header Referer, without the host; empty: it is not of this site.

    A link or form need not repeat the address, which may have in it what someone searched for.
    """
    found = urlsplit(request.headers.get("Referer", ""))
    if found.scheme not in ("http", "https") or found.netloc != request.get_host() or found.path.startswith("//"):
        return ""
    return f"{found.path or '/'}{f'?{found.query}' if found.query else ''}"
