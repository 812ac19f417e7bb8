"""Opens pages of the admin, for tests."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client

# Scripts, styles and event handlers in the page itself, which the content security policy forbids.
INLINE = re.compile(r"""<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=""")


def operator() -> Client:
    """Return a client that is signed in and may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password=None))
    return client


def text(answer: HttpResponseBase) -> str:
    """Return the text of a successful answer."""
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 200
    return answer.content.decode()
