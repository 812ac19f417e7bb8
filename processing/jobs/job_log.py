"""The log of a job: what happened to it and when, the newest entries, in the row of the job."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from django.db.models import F, Func, JSONField, TextField, Value
from django.db.models.functions import JSONObject, Now

MOST = 200  # entries that are kept


class LogEntry(TypedDict):
    """One thing that happened to a job."""

    at: str  # PostgreSQL's clock, RFC 3339
    text: str
    done: NotRequired[int]  # where counting begins: the rate of a job is what was done since the last such entry


class _Newest(Func):
    """The last entries of a log."""

    # An index below 0 is that of the first entry in the lax mode, which is the default:
    # https://www.postgresql.org/docs/current/functions-json.html#STRICT-AND-LAX-MODES
    template = f"jsonb_path_query_array(%(expressions)s, '$[last - {MOST - 2} to last]')"
    output_field = JSONField()


class _Joined(Func):
    """A log and one entry more."""

    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = JSONField()


def with_entry(text: str, *, done: int | None = None) -> Func:
    """Return the log of a row with one entry more, for an update.

    :param done: what the job has done when its counting begins; None: it does not begin
    """
    counted = {} if done is None else {"done": Value(done)}
    return _Joined(_Newest(F("log")), JSONObject(at=Now(), text=Value(text, output_field=TextField()), **counted))
