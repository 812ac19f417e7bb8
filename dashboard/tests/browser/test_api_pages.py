"""The browsable API and its documentation in a real browser: offline, under the strict policy, with forms that work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from deploy.testing.deployment import Deployment
from queries.tests.stored import NOON, make_event, store, timed_id

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains about: a blocked script or style, a file that is not there, a request to elsewhere."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("requestfailed", lambda request: found.append(request.url))
    page.on("response", lambda answer: found.append(answer.url) if answer.status >= 400 else None)
    page.on(
        "request", lambda request: found.append(request.url) if urlsplit(request.url).hostname != "127.0.0.1" else None
    )
    yield found
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("complaints")
def test_the_documentation_is_readable_and_loads_nothing_from_elsewhere(
    page: Page, site: Deployment, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{site.start_web().url}/api/docs/")

    page.get_by_role("link", name="List events", exact=True).click()

    expect(page.locator("#getData")).to_be_in_viewport()
    expect(page.locator("#getData pre").first).to_contain_text("curl -g")
    behind = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (behind == "rgb(13, 16, 22)") is (scheme == "dark")
    # Nothing is wider than the window.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.usefixtures("complaints")
def test_a_list_is_filtered_followed_and_downloaded_by_its_form(page: Page, site: Deployment, tmp_path: Path) -> None:
    store(*[make_event("a", event_id=timed_id(NOON), payload={"n": number}, offset=number) for number in range(5)])
    store(make_event("b", payload={"n": 9}))
    page.goto(f"{site.start_web().url}/api/data/")

    page.get_by_label("source_id").fill("a")
    page.get_by_label("limit").fill("2")
    page.get_by_label("order").select_option("asc")
    page.get_by_label("Field", exact=True).fill("n")
    page.get_by_label("Operator", exact=True).select_option("gte")
    page.get_by_label("Value", exact=True).fill("1")
    page.get_by_role("button", name="Get").click()

    asked = {"source_id": ["a"], "limit": ["2"], "order": ["asc"], "field.n[gte]": ["1"]}
    assert parse_qs(urlsplit(page.url).query) == asked
    expect(page.get_by_label("limit")).to_have_value("2")
    expect(page.get_by_label("Value", exact=True).first).to_have_value("1")
    assert page.locator("pre").inner_text().count('"eventId"') == 2
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Previous")).to_be_visible()
    # The address of a further page has a cursor in place of what defines the list.
    expect(page.get_by_label("source_id")).to_have_value("a")
    expect(page.get_by_label("Value", exact=True).first).to_have_value("1")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    file = tmp_path / "events.csv"
    download.value.save_as(file)
    assert len(file.read_text().splitlines()) == 1 + 4


@pytest.mark.usefixtures("complaints")
def test_the_pages_fit_a_phone(page: Page, site: Deployment) -> None:
    web = site.start_web()
    page.set_viewport_size({"width": 390, "height": 800})

    for path in ("/api/", "/api/data/", "/api/docs/"):
        page.goto(web.url + path)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
