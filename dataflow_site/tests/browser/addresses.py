"""The addresses that the tests of every page open. A new page of the administration is named here; all others come from the routes."""

from __future__ import annotations

from django.contrib.auth.models import User

from dataflow_site.tests import routes
from ingestion.models import Key
from processing.models import DeadLetter, Event, Job

SOURCE, RULE = "sensor-1", "hot"

ADMIN = [
    "/admin/",
    "/admin/ingestion/key/",
    "/admin/ingestion/key/add/",
    "/admin/processing/event/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/user/{user}/change/",
    "/admin/ingestion/key/{key}/change/",
    "/admin/admin/logentry/",
]
API = ["/api/", "/api/docs/", "/api/data/"]
# Other faces of pages that the routes name once.
FACES = [
    "/events/?start=now-1h",
    "/dead-letters/?state=open",
    f"/sources/{SOURCE}/?field=temperature&view=table",
    "/search/?q=sensor",
]
# Addresses that answer no GET with a page of their own.
NO_PAGES = {"/events/known/", "/live/<channel>/", "/sign-out/", "/dead-letters/export/"}
# One of each class of pages, for what `make thorough` alone asks of all: live, a form with an editor, a long list of the admin.
SAMPLE = ["/", f"/logic/rules/{RULE}/", "/admin/processing/event/"]


def pages(topic: str) -> list[str]:
    """Return the address of every page, with what `filled` has in the places of variables."""
    letter, job, event = DeadLetter.objects.get(), Job.objects.get(), Event.objects.filter(source_id=SOURCE).first()
    assert event
    values = {
        "source_id": SOURCE,
        "event_id": str(event.pk),
        "number": str(letter.pk),
        "rule": RULE,
        "part": RULE,
        "topic": topic,
    }
    # A number is that of a letter but where a path begins with one of these.
    numbers = {"/jobs/": str(job.pk), "/logic/revisions/": "1", "/pipeline/partitions/": "0"}
    found = []
    for template in sorted(routes.pages() - NO_PAGES):
        if not template.endswith(".json"):
            number = next((value for start, value in numbers.items() if template.startswith(start)), values["number"])
            found.append(routes.fill(template, {**values, "number": number}))
    rows = {"user": User.objects.get().pk, "key": Key.objects.get().pk}
    return [*found, *FACES, *(address.format_map(rows) for address in ADMIN), *API]
