"""Authentication of readers: a session, or a key with the scope `read`. Sites may be open to all readers.

It decides which sources a reader may see, and nothing else: the reads themselves filter by that scope.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import PermissionsMixin
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from ingestion.auth import api_keys, key_use, tokens
from ingestion.auth.api_keys import Grant
from ingestion.auth.read_scope import EVERYTHING, WHOLE_ONLY, ReadScope
from ingestion.models import Scope
from ingestion.problems import SECRETS, Code, RequestRejected
from queries import errors, recent_grants, scoped_views, signed_in, user_scopes
from queries.reads import pattern_scopes, postgres
from queries.reads.postgres import ReadUnavailable
from queries.request import operator_addresses
from queries.request.query_params import Parameters

Handler = Callable[[HttpRequest], HttpResponse]

# The admin, the pages of one's account and the addresses for operators check access themselves; probes need no key.
_OPEN = re.compile(r"/(admin/|account/|sign-in/|sign-out/|static/|healthz$|readyz$|metrics$)")
_FOR_PROGRAMS = re.compile(r"/(api|data|live)(/|$)|.*[.]json$")
# The scope `admin` includes reading them; the views require it where something is changed.
_FOR_OPERATORS = re.compile(r"/api/(dead-letters|jobs)(/|$)")
_HEADERS = {"authorization": "HTTP_AUTHORIZATION", "x-api-key": "HTTP_X_API_KEY"}


class ReadAuthentication:
    """Middleware that refuses readers without access. It runs after sessions and users."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _checks_itself(request.path):
            try:
                scoped_views.admit(request, _scope_of_reader(request))
            except RequestRejected as refusal:
                if _FOR_PROGRAMS.match(request.path) or refusal.code is not Code.UNAUTHENTICATED:
                    return errors.refused(refusal, path=request.path)
                return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'next': request.get_full_path()})}")
            except (DatabaseError, ReadUnavailable):
                return errors.answer(Code.STORE_UNAVAILABLE, "PostgreSQL does not answer", path=request.path)
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., object], args: object, kwargs: object
    ) -> HttpResponse | None:
        """Refuse a key for some sources where the view does not filter by source."""
        if _checks_itself(request.path) or scoped_views.is_scoped(view):
            return None
        try:
            scoped_views.scope_of(request).require_whole()
        except RequestRejected as refusal:
            return errors.refused(refusal, path=request.path)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a page's request that names another source or has a parameter that can't be used."""
        return errors.of_request(error, path=request.path)


def _checks_itself(path: str) -> bool:
    return _OPEN.match(path) is not None or operator_addresses.includes(path)


def grant_of(request: HttpRequest | Request, *scopes: Scope) -> Grant:
    """Return what the request's key grants.

    :param scopes: the key needs one of them
    :raises RequestRejected: no valid key, or one without the scope
    """
    if any(name.lower() in SECRETS for name in request.GET):
        raise tokens.unauthenticated("a key in the address ends up in logs: send it as Authorization: Bearer")
    head = {name.encode(): request.META[key].encode("latin-1") for name, key in _HEADERS.items() if key in request.META}
    token = tokens.token_of(head)
    grant = _find(token) if token and tokens.SHAPE.fullmatch(token) else None
    if grant is None:
        raise tokens.unauthenticated()
    if grant.scopes.isdisjoint(scopes):
        raise RequestRejected(
            Code.FORBIDDEN, f"the key does not have the scope {' or '.join(map(repr, map(str, scopes)))}"
        )
    return grant


def operator(request: HttpRequest | Request) -> Grant:
    """Return what an operator's key grants.

    :raises RequestRejected: no valid key, one without the scope `admin`, or one for some sources
    """
    grant = grant_of(request, Scope.ADMIN)
    if grant.sources is not None:
        raise RequestRejected(Code.SOURCE_NOT_ALLOWED, WHOLE_ONLY)
    return grant


def admin_name(request: Request) -> str:
    """Return the name under which the history records a request with an operator's key.

    :raises InvalidParameter: the request has query parameters
    :raises RequestRejected: no key with the scope `admin`, or one for some sources
    """
    grant = operator(request)
    Parameters(request.query_params, known=())
    return f"key {grant.key}"


def admin_scope(request: Request) -> ReadScope:
    """Return the sources of a key with the scope `admin`, for what only such a key may read.

    :raises RequestRejected: no valid key, or one without the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    return _scope_of(grant_of(request, Scope.ADMIN))


def operator_scope(request: Request) -> ReadScope:
    """Return the scope of an operator of all sources, for what is about all of them. Called before anything is read.

    :raises RequestRejected: no valid key with the scope `admin`, or one for some sources
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    scope = admin_scope(request)
    scope.require_whole()
    return scope


def holds(request: HttpRequest | Request, scope: Scope) -> bool:
    """Return whether the request's key has a scope and is for all sources."""
    try:
        return grant_of(request, scope).sources is None
    except RequestRejected:
        return False


def reads_documents(request: Request) -> bool:
    """Return whether a reader of an event may read its raw document, too.

    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if settings.DATAFLOW_OPEN_READ:
        return True
    person = signed_in.person(request)
    if isinstance(person, PermissionsMixin):
        # A key beside the sign-in changes nothing: it may be for other sources than the reader sees.
        with postgres.bounded():
            return person.has_perm("processing.read_documents")
    try:
        grant_of(request, Scope.RAW, Scope.ADMIN)
    except RequestRejected:
        return False
    return True


def _scope_of_reader(request: HttpRequest) -> ReadScope:
    """Return the sources that a reader may see.

    :raises RequestRejected: no session and no valid key, or a key without the scope
    :raises ReadUnavailable: PostgreSQL does not answer
    """
    if settings.DATAFLOW_OPEN_READ:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            # Only looked up where a page names who is signed in.
            note = signed_in.note_if_known if request.method in SAFE_METHODS else signed_in.note
            note(request)
        return EVERYTHING
    if _signed_in(request):
        signed_in.note(request)
        return user_scopes.scope_of(request.user)
    return _scope_of(grant_of(request, *_scopes(request.path)))


def _scope_of(grant: Grant) -> ReadScope:
    return EVERYTHING if grant.patterns is None else pattern_scopes.find(grant.patterns)


def _find(token: bytes) -> Grant | None:
    digest = tokens.digest(token)
    grant = recent_grants.find(digest, lambda: api_keys.find(digest, *tokens.older_digests(token)))
    if grant is not None:
        key_use.note(grant.key, digest)
    return grant


def _scopes(path: str) -> tuple[Scope, ...]:
    return (Scope.READ, Scope.ADMIN) if _FOR_OPERATORS.match(path) else (Scope.READ,)


def _signed_in(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_active
