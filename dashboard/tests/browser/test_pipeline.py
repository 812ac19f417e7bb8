"""The pages of the pipeline and of jobs in a browser: they move by themselves, and are used by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from dashboard.tests.browser.visitors import press
from processing.dead_letters import redrive
from processing.dead_letters.filters import LetterFilter
from processing.ledger import incidents
from processing.models import Hold, Incident, Job
from processing.tests.stored_rows import raw_topic

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture(autouse=True)
def _clean_console(console: list[str]) -> Iterator[None]:
    """No page may say anything wrong on the console, the policy's refusals included."""
    yield
    assert console == []


def test_a_held_partition_appears_by_itself_and_is_resumed_by_keyboard_alone(page: Page, site_url: str) -> None:
    page.goto(f"{site_url}/pipeline/")
    expect(page.locator("#incidents")).to_contain_text("None is open.")

    topic = raw_topic()
    Hold.objects.create(topic=topic, partition=1, since=timezone.now(), reason="200 dead letters in a row")
    incidents.open_incident(Incident.Kind.BREAKER, f"{topic.name}/1", "200 dead letters in a row")
    expect(page.locator("#incidents")).to_contain_text(f"{topic.name}, partition 1 is held.", timeout=20_000)
    press(page, page.get_by_role("button", name="Resume: "))

    expect(page.locator(".messages")).to_contain_text("consumers read on within seconds", timeout=15_000)
    expect(page.locator("#incidents")).to_contain_text("None is open.")
    assert Hold.objects.get().released_by == "ann"


def test_a_job_moves_by_itself_and_is_cancelled_by_keyboard_alone(page: Page, site_url: str) -> None:
    job = redrive.request(LetterFilter(reason="not_json"), who="ann", worker="host-1")
    Job.objects.update(total=200, done=20)
    page.goto(f"{site_url}/jobs/{job.pk}/")
    expect(page.locator("#job")).to_contain_text("20 of 200 letters (10 %)")

    Job.objects.update(done=150, heartbeat=timezone.now())
    expect(page.locator("#job")).to_contain_text("150 of 200 letters (75 %)", timeout=15_000)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "150")
    press(page, page.get_by_role("button", name="Cancel"))

    expect(page.locator("#job")).to_contain_text("Ends after the current step", timeout=15_000)
    expect(page.locator("#log")).to_contain_text("Cancellation requested by ann")
