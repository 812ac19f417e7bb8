"""What the web process adds to Django: the content security policy, static files under ASGI."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

# Pages bring everything from here: no inline scripts or styles, no other hosts. The admin lives with it.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        # Bootstrap, which the browsable API brings, draws its arrows by data: addresses in its style sheet.
        "img-src 'self' data:",
    )
)
# Django's own pages about errors in development are one file with everything inside.
DEBUG_PAGES = {404, 500}


class ContentSecurityPolicy(MiddlewareMixin):
    """Adds the policy to every answer."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves the apps' static files, with or without DEBUG, without collecting them first."""

    get_response: Callable[[HttpRequest], HttpResponse]

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Answer whole: ASGI would read a file response into memory anyway, and warn of it each time."""
        answer = static_file.get_response(request.method, request.META)
        body = b""
        if answer.file is not None:
            with answer.file:
                body = answer.file.read()
        return HttpResponse(body, status=int(answer.status), headers=dict(answer.headers))
