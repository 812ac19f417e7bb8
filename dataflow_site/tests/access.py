"""Who may read what: the expected table, one row for each address, and the readers that it has columns for.

`python -m dataflow_site.tests.access` prints it, as it is in docs/security.md. `test_tenants.py` compares it with the product.
"""

from __future__ import annotations

from typing import NamedTuple

ALL = "all"  # data of every source
OWN = "own"  # data of the sources of the key or of the user's groups alone
FREE = "yes"  # an answer without data of sources
NO = "–"  # 401, 403, or a page's way to the sign-in

READERS = (
    "nobody",
    "key: ingest",
    "key: read",
    "key: read, some sources",
    "key: admin",
    "key: admin, some sources",
    "user",
    "user, some sources",
    "staff",
    "staff, some sources",
    "superuser",
)


class Row(NamedTuple):
    """What each reader gets at an address: a template of a path, or all that begin with one (`…`)."""

    address: str
    nobody: str
    ingest: str
    read: str
    read_some: str
    admin: str
    admin_some: str
    user: str  # in no group that names sources, and neither staff nor superuser
    user_some: str
    staff: str
    staff_some: str
    superuser: str


def _read(address: str, what: str = ALL, some: str = OWN) -> Row:
    return Row(address, NO, NO, what, some, NO, NO, _of_none(some), some, what, some, what)


def _managed(address: str, some: str = OWN) -> Row:
    """Dead letters and jobs: keys with the scope `admin` read them as well."""
    return Row(address, NO, NO, ALL, some, ALL, some, _of_none(some), some, ALL, some, ALL)


def _of_none(some: str) -> str:
    """Return what a reader of no source gets: the same lists, with nothing in them."""
    return FREE if some == OWN else some


def _operator(address: str, what: str = FREE, some: str = NO) -> Row:
    """Needs a key with the scope `admin`: neither a session nor the scope `read` helps."""
    return Row(address, NO, NO, NO, NO, what, some, NO, NO, NO, NO, NO)


def _action(address: str) -> Row:
    """An action of a page, a POST: another method is refused, to whom a page of the same sources is not."""
    return Row(address, NO, NO, FREE, FREE, NO, NO, FREE, FREE, FREE, FREE, FREE)


def _staff(address: str) -> Row:
    """Takes a permission, which of these readers the staff have, and is about all sources together."""
    return Row(address, NO, NO, NO, NO, NO, NO, NO, NO, ALL, NO, ALL)


def _open(address: str, what: str = FREE) -> Row:
    return Row(address, *[what] * len(READERS))


TABLE = (
    _read("/"),
    _read("/sources/"),
    _read("/sources/<source_id>/"),
    _read("/dead-letters/"),
    _read("/dead-letters/<number>/"),
    Row("/dead-letters/export/", NO, NO, NO, NO, NO, NO, NO, NO, ALL, OWN, ALL),
    _staff("/dead-letters/redrive/"),
    _staff("/dead-letters/discard/"),
    _staff("/dead-letters/reopen/"),
    _action("/dead-letters/redrive/start/"),
    _action("/dead-letters/discard/start/"),
    _action("/dead-letters/reopen/start/"),
    _action("/dead-letters/<number>/try/"),
    _action("/dead-letters/<number>/check/"),
    _action("/dead-letters/<number>/send/"),
    _read("/sources/<source_id>/charts/"),
    _action("/sources/<source_id>/edit/"),
    _read("/jobs/", ALL, FREE),
    _read("/jobs/<number>/", ALL, FREE),
    _read("/logic/", ALL, FREE),
    _read("/logic/move/", FREE, FREE),
    _read("/logic/switch/", FREE, FREE),
    _read("/logic/delete/", FREE, FREE),
    _read("/logic/rules/new/", ALL, NO),
    _read("/logic/rules/<rule>/", ALL, NO),
    _read("/logic/schemas/", ALL, NO),
    _read("/logic/schemas/new/", ALL, NO),
    _read("/logic/schemas/<part>/", ALL, NO),
    _read("/logic/schemas/<part>/stop/", FREE, FREE),
    _read("/logic/tables/", ALL, NO),
    _read("/logic/tables/new/", ALL, NO),
    _read("/logic/tables/<part>/", ALL, NO),
    _read("/logic/tables/<part>/use/", FREE, FREE),
    _read("/logic/revisions/", ALL, NO),
    _read("/logic/revisions/<number>/", ALL, NO),
    _read("/logic/revisions/<number>/activate/", FREE, FREE),
    _read("/logic/replays/", ALL, NO),
    _action("/jobs/<number>/<how>/"),
    _read("/pipeline/", ALL, OWN),
    _read("/pipeline/ledger/"),
    _read("/pipeline/refusals/"),
    _read("/pipeline/incidents/", ALL, FREE),
    _read("/pipeline/partitions/<topic>/<number>/", FREE, FREE),
    _action("/pipeline/partitions/<topic>/<number>/<how>/"),
    _action("/pipeline/incidents/<number>/acknowledge/"),
    _action("/pipeline/sources/<source_id>/resume/"),
    _action("/pipeline/reconcile/"),
    _read("/events/"),
    _read("/events/known/"),
    _read("/events/<source_id>/<event_id>/"),
    _read("/search/", ALL, FREE),
    _read("/live/<channel>/"),
    _read("/start/", ALL, FREE),
    _action("/start/key/"),
    _action("/start/demo/"),
    _action("/start/demo/remove/"),
    _open("/sign-in/"),
    _open("/sign-out/"),
    # Which sources someone sees stands on his own page; the state of the pipeline stands on every page.
    Row("/account/", FREE, FREE, FREE, FREE, FREE, FREE, FREE, OWN, ALL, OWN, ALL),
    Row("/account/password/", NO, NO, NO, NO, NO, NO, FREE, FREE, ALL, FREE, ALL),
    _open("/account/preferences/"),
    _read("/data/"),
    _read("/api/", FREE, FREE),
    _read("/api/.", FREE, FREE),
    _read("/api/data/"),
    _read("/api/data/aggregate/"),
    _read("/api/data/export/"),
    _read("/api/series/"),
    _read("/api/events/<event_id>/"),
    _read("/api/events/<event_id>/trace/"),
    _read("/api/sources/"),
    _read("/api/sources/<source_id>/"),
    _read("/api/sources/<source_id>/latest/"),
    _read("/api/latest/"),
    _read("/api/pipeline/"),
    _read("/api/pipeline/ledger/"),
    _read("/api/schema/", FREE, FREE),
    _read("/api/docs/", ALL, FREE),
    _managed("/api/dead-letters/"),
    _managed("/api/dead-letters/<number>/"),
    _managed("/api/jobs/", NO),
    _managed("/api/jobs/<number>/", NO),
    _operator("/api/dead-letters/export/", ALL, OWN),
    _operator("/api/dead-letters/redrive/", ALL),
    _operator("/api/dead-letters/discard/", ALL),
    _operator("/api/dead-letters/<number>/redrive/"),
    _operator("/api/dead-letters/<number>/discard/"),
    _operator("/api/jobs/<number>/cancel/", ALL),
    _operator("/api/jobs/<number>/pause/", ALL),
    _operator("/api/jobs/<number>/resume/", ALL),
    _operator("/api/pipeline/partitions/<topic>/<partition>/resume/"),
    _operator("/api/keys/", ALL),
    _operator("/api/keys/<prefix>/rotate/"),
    _operator("/api/keys/<prefix>/expire/"),
    _operator("/api/keys/<prefix>/revoke/"),
    _operator("/api/sources/<source_id>/schema/infer/", FREE),
    _operator("/api/config/", ALL),
    _operator("/api/logic/", ALL),
    _operator("/api/logic/check/"),
    _operator("/api/logic/revisions/", ALL),
    _operator("/api/logic/revisions/<number>/", ALL),
    _operator("/api/logic/revisions/<number>/diff/", ALL),
    _operator("/api/logic/revisions/<number>/activate/"),
    _operator("/api/logic/trials/"),
    _operator("/api/replays/"),
    _operator("/api/logic/schemas/", ALL),
    _operator("/api/logic/schemas/<part>/", ALL),
    _operator("/api/logic/tables/", ALL),
    _operator("/api/logic/tables/<part>/", ALL),
    Row("/admin/…", NO, NO, NO, NO, NO, NO, NO, NO, ALL, NO, ALL),
    _open("/healthz"),
    _open("/readyz"),
    _open("/metrics"),
)
SOCKET = Row("/ws/live", NO, NO, NO, NO, NO, NO, FREE, OWN, ALL, OWN, ALL)


def row_of(template: str) -> Row | None:
    """Return the row of a route, of a page's twin `.json` that of the page; None: it has none."""
    named = template.replace("/overview.json", "/").replace(".json", "/")
    for row in TABLE:
        if row.address == named or (row.address.endswith("…") and template.startswith(row.address[:-1])):
            return row
    return None


def as_markdown() -> str:
    """Return the table as Markdown."""
    lines = ["| address | " + " | ".join(READERS) + " |", "|---|" + "---|" * len(READERS)]
    lines += [f"| `{row.address}` | " + " | ".join(row[1:]) + " |" for row in (*TABLE, SOCKET)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(as_markdown())  # noqa: T201
