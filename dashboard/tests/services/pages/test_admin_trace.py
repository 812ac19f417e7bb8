"""The admin's page with the history of one event."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from dashboard.tests.rows import NOON, Rows
from dashboard.tests.services.pages.test_pages import text_of
from processing.admin.event_keys import event_key
from processing.models import DeadLetter, Event
from queries.tests.stored import store_document

pytestmark = pytest.mark.services


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


def test_an_event_leads_to_its_trace_and_the_trace_to_its_source(operator: Client, rows: Rows) -> None:
    rows.source("sensor-1")
    rows.event("sensor-1", {"temperature": 21.25})
    event = Event.objects.get()
    store_document(event)

    text = text_of(operator, f"/admin/trace/?id={event.id}&source_id=sensor-1")
    html = operator.get(f"/admin/trace/?id=%20{event.id}&source_id=sensor-1").content.decode()

    assert "It is stored. Source sensor-1" in text
    assert (
        text.index("Received") < text.index("Published to Kafka") < text.index("Stored") < text.index("Published again")
    )
    assert 'href="/sources/sensor-1/"' in html
    assert f'value="{event.id}"' in html


def test_every_page_of_the_admin_asks_for_an_id_and_an_event_links_to_its_trace(operator: Client, rows: Rows) -> None:
    rows.source("sensor-1")
    rows.event("sensor-1", {"temperature": 21.25})
    event = Event.objects.get()

    listed = operator.get("/admin/processing/event/").content.decode()
    shown = operator.get(reverse("admin:processing_event_change", args=[quote(event_key(event))])).content.decode()

    assert 'action="/admin/trace/"' in listed
    assert f"/admin/trace/?id={event.id}&amp;source_id=sensor-1" in shown


def test_a_dead_letter_links_to_the_trace_of_its_event(operator: Client, rows: Rows) -> None:
    rows.event("sensor-1", {"temperature": 21.25})
    event = Event.objects.get()
    letter = DeadLetter.objects.create(
        topic=event.topic, partition=0, offset=9, line=0, raw=b"{}", reason="id_conflict", detail="", stage="identity",
        source_id="sensor-1", event_id=event.id, received=NOON, first_seen=NOON, last_seen=NOON, fingerprint="f",
    )  # fmt: skip

    shown = operator.get(reverse("admin:processing_deadletter_change", args=[letter.pk])).content.decode()

    assert f"/admin/trace/?id={event.id}&amp;source_id=sensor-1" in shown


def test_what_is_no_id_or_unknown_is_said_in_words(operator: Client) -> None:
    assert "expected a UUID" in text_of(operator, "/admin/trace/?id=sensor-1")
    assert "no event with this id is stored, set aside or waiting" in text_of(operator, f"/admin/trace/?id={uuid4()}")


def test_only_operators_are_told(client: Client) -> None:
    assert client.get("/admin/trace/").headers["Location"].startswith("/admin/login/")
