"""Formats of dates as people write them, such as dd/mm/yyyy HH:MM. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MAX_LENGTH = 60
UNIX = "unix"  # seconds since 1970, with or without a fraction
# Those to try on a text, the most common ones first. What reads a day as a month comes after what does not.
COMMON = (
    "yyyy-mm-dd HH:MM:SS", "yyyy-mm-ddTHH:MM:SS", "yyyy-mm-dd HH:MM:SS.f", "yyyy-mm-ddTHH:MM:SS.f", "yyyy-mm-dd HH:MM",
    "yyyy-mm-ddTHH:MM", "yyyy-mm-dd", "yyyy/mm/dd HH:MM:SS", "yyyy/mm/dd", "yyyymmddTHHMMSSz", "yyyymmddHHMMSS", "yyyymmdd",
    "yyyy-mm-dd HH:MM:SSz", "yyyy-mm-ddTHH:MM:SSz", "yyyy-mm-dd HH:MM:SS z",
    "dd/mm/yyyy HH:MM:SS", "dd/mm/yyyy HH:MM", "dd/mm/yyyy", "mm/dd/yyyy HH:MM:SS", "mm/dd/yyyy HH:MM", "mm/dd/yyyy",
    "mm/dd/yyyy hh:MM:SS am", "mm/dd/yyyy hh:MM am", "dd.mm.yyyy HH:MM:SS", "dd.mm.yyyy HH:MM", "dd.mm.yyyy",
    "dd-mm-yyyy HH:MM:SS", "dd-mm-yyyy HH:MM", "dd-mm-yyyy", "dd mon yyyy HH:MM:SS", "dd mon yyyy", "mon dd yyyy HH:MM:SS",
    "day, dd mon yyyy HH:MM:SS z", "day mon dd HH:MM:SS yyyy", UNIX,
)  # fmt: skip

_PARTS = re.compile(r"yyyy|yy|mon|mm|m|day|dd|d|hh|h|ss|s|f|am|z", re.IGNORECASE)
_DIRECTIVES = {
    "yyyy": "%Y",
    "yy": "%y",
    "mon": "%b",
    "day": "%a",
    "d": "%d",
    "s": "%S",
    "f": "%f",
    "am": "%p",
    "z": "%z",
}
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?")
# Python's formats name their language; these of its own are always English where no locale is set.
_EXPECTED = "expected a format of yyyy, yy, mm, mon, dd, day, HH, hh with am, MM, SS, f, z and what is between them"


def parse(text: str, form: str, zone: str) -> datetime:
    """Parse a text in a format.

    :param zone: of texts without an offset
    :raises ValueError: the text has another form, or the format or the zone is invalid
    """
    if form == UNIX:
        return _from_unix(text)
    found = datetime.strptime(text.strip(), compiled(form))  # noqa: DTZ007  # the zone follows
    return found if found.tzinfo else found.replace(tzinfo=zone_named(zone))


@lru_cache(maxsize=256)
def compiled(form: str) -> str:
    """Return a format as Python writes it: a year, a month and a day at least.

    :raises ValueError: the format can't be used
    """
    if form == UNIX:
        return form
    written, place, after_hour = "", 0, False
    for part in _PARTS.finditer(form):
        written += form[place : part.start()].replace("%", "%%")
        name = part.group().lower()
        # `mm` is a month, but minutes where it follows hours.
        directive = "%M" if name[0] == "m" and name != "mon" and after_hour else _directive(name, form)
        after_hour = after_hour or directive in ("%H", "%I")
        written += directive
        place = part.end()
    written += form[place:].replace("%", "%%")
    if not all(any(each in written for each in some) for some in (("%Y", "%y"), ("%m", "%b"), ("%d",))):
        raise ValueError(_EXPECTED)
    _try(written)
    return written


@lru_cache(maxsize=64)
def zone_named(name: str) -> tzinfo:
    """Return a time zone.

    :raises ValueError: there is none of this name
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError("expected the name of a time zone, such as Europe/Berlin") from error


def _directive(name: str, form: str) -> str:
    if name[0] == "h":
        return "%I" if "am" in form.lower() else "%H"
    if name in ("m", "mm"):
        return "%m"
    return _DIRECTIVES.get(name) or _DIRECTIVES[name[0]]


def _try(written: str) -> None:
    try:
        datetime.strptime(datetime(2009, 3, 1, tzinfo=UTC).strftime(written), written)  # noqa: DTZ007
    except (ValueError, re.error) as error:
        raise ValueError(_EXPECTED) from error


def _from_unix(text: str) -> datetime:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("expected a number of seconds")
    try:
        return datetime.fromtimestamp(float(text), tz=UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("expected a number of seconds") from error
