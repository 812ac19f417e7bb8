"""How a person wants to see the pages: light or dark, and in which time zone. A cookie carries it, an account keeps it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from dashboard.models import Preference

COOKIE = "dataflow_view"
COOKIE_DAYS = 400  # browsers keep none longer
THEMES = {"auto": "As the device", "light": "Light", "dark": "Dark"}
UTC = "UTC"
# Of each time: the zone that its source is in (label `timezone`), else UTC.
OF_SOURCE = "source"

_FORM = re.compile(r"(auto|light|dark):([A-Za-z0-9_+\-/]{1,64})")


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a person wants to see the pages."""

    theme: str = "auto"  # one of THEMES
    zone: str = UTC  # a name of the IANA time zone database, or OF_SOURCE

    def zone_for(self, source_zone: str | None = None) -> ZoneInfo:
        """Return the zone in which to write a time.

        :param source_zone: the one of the time's source, if it is known
        """
        return zone_named(source_zone or UTC) if self.zone == OF_SOURCE else zone_named(self.zone)

    def text(self) -> str:
        """Return the value of the cookie."""
        return f"{self.theme}:{self.zone}"


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """Return a time zone; UTC for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(UTC)


@lru_cache(maxsize=1)
def zone_names() -> list[str]:
    """Return the names of all time zones."""
    return sorted(available_timezones())


def chosen(theme: str, zone: str) -> Preferences:
    """Return what a form chose; what is not known is as it is without a choice."""
    known = zone == OF_SOURCE or zone in zone_names()
    return Preferences(theme if theme in THEMES else "auto", zone if known else UTC)


def of_request(request: HttpRequest) -> Preferences:
    """Return what the request's cookie says. Reads nothing else, so that it is known in an outage, too."""
    found = _FORM.fullmatch(request.COOKIES.get(COOKIE, ""))
    return Preferences(found[1], found[2]) if found else Preferences()


def of_user(user: User) -> Preferences | None:
    """Return what an account keeps; None: nothing yet."""
    found = Preference.objects.filter(user=user).first()
    return None if found is None else chosen(found.theme, found.zone)


def keep(user: User, preferences: Preferences) -> None:
    """Keep it with an account, for further browsers."""
    Preference.objects.update_or_create(user=user, defaults={"theme": preferences.theme, "zone": preferences.zone})


def set_cookie(response: HttpResponse, preferences: Preferences, *, secure: bool) -> None:
    """Add the cookie to a response."""
    response.set_cookie(
        COOKIE, preferences.text(), max_age=COOKIE_DAYS * 86_400, secure=secure, httponly=True, samesite="Lax"
    )
