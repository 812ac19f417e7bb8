"""Middleware of the web process: the content security policy, and static files under ASGI."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

# Everything comes from this host, and there are no inline scripts or styles. The admin works with this policy.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        # The style sheet of Bootstrap, which the browsable API uses, has images in data: URLs.
        "img-src 'self' data:",
    )
)
# Django's error pages in development have inline scripts and styles.
DEBUG_PAGES = {404, 500}


class ContentSecurityPolicy(MiddlewareMixin):
    """Adds the policy to every response."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Add the header, unless the view set one."""
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves the apps' static files, with or without DEBUG. They need not be collected first."""

    get_response: Callable[[HttpRequest], HttpResponse]

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Return the whole file as a response. ASGI would read a file response into memory as well, with a warning.

        A Range is ignored, as RFC 9110 (14.2) permits: WhiteNoise refuses one of a single byte, and files are small.
        """
        asked = {name: value for name, value in request.META.items() if name != "HTTP_RANGE"}
        answer = static_file.get_response(request.method, asked)
        body = b""
        if answer.file is not None:
            with answer.file:
                body = answer.file.read()
        return HttpResponse(body, status=int(answer.status), headers=dict(answer.headers))
