"""The style sheets of Django's admin as one: a page asks for one file in place of a dozen."""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control

SHEETS = ("base", "changelists", "forms", "dashboard", "unusable_password_field", "responsive")
MAX_AGE = 3600  # seconds; they change with a release alone
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_IMPORT = re.compile(r"@import[^;]*;")  # of what calendars and selectors look like, which no page has
_IMAGE = re.compile(r"url\(['\"]?\.\./img/([\w-]+\.svg)['\"]?\)")
_SPACE = re.compile(r"\s+")


def style(request: HttpRequest) -> HttpResponse:
    """Answer with the sheet."""
    answer = HttpResponse(_sheet(), content_type="text/css; charset=utf-8")
    patch_cache_control(answer, private=True, max_age=MAX_AGE)
    return answer


@cache
def _sheet() -> str:
    texts = [_source(f"admin/css/{name}.css").decode() for name in SHEETS]
    text = _IMPORT.sub("", _COMMENT.sub("", "\n".join(texts)))
    return _SPACE.sub(" ", _IMAGE.sub(_inlined, text))


def _inlined(match: re.Match[str]) -> str:
    image = base64.b64encode(_source(f"admin/img/{match[1]}")).decode()
    return f"url(data:image/svg+xml;base64,{image})"


def _source(path: str) -> bytes:
    found = finders.find(path)
    assert isinstance(found, str), path
    return Path(found).read_bytes()
