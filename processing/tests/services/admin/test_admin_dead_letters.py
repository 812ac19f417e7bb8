"""The admin of dead letters and jobs: lists, pages, confirmations and enqueued jobs; no worker runs here."""

from __future__ import annotations

import re
import threading
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deploy.testing.deployment import Deployment
from processing.admin import filters, selection
from processing.dead_letters.closing import discard
from processing.dead_letters.filters import LetterFilter
from processing.jobs import queue
from processing.models import DeadLetter, DeadLetterAction, Job
from processing.tests.admin_pages import INLINE, operator, text
from processing.tests.stored_rows import make_letter

pytestmark = pytest.mark.services

LIST = "/admin/processing/deadletter/"
GOOD = b'{"sourceId": "sensor-1", "timestamp": "2009-03-01T00:00:00Z", "payload": {"n": %d}}'
EVENT = UUID(int=77)


@pytest.fixture(name="site")
def _site(emptied_site: Deployment) -> Deployment:
    return emptied_site


def test_facets_count_what_the_other_filters_leave(site: Deployment) -> None:
    make_letter(0, reason="not_json", source_id="a")
    make_letter(1, reason="not_json", source_id="b")
    make_letter(2, reason="id_conflict", source_id="a", state="parked")

    page = text(operator().get(f"{LIST}?source=a"))

    assert listed(page) == {"not_json (1)", "id_conflict (1)"} | {"open (1)", "parked (1)"} | {"a (2)", "b (1)"} | {
        "decode (2)", "f (2)"
    }  # fmt: skip


def test_facets_count_no_further_than_the_newest(site: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "MAX_ROWS", 2)
    for line in range(4):
        make_letter(line)

    assert "open (2)" in listed(text(operator().get(LIST)))


def test_letters_are_found_by_event_source_detail_and_reason(site: Deployment) -> None:
    one = make_letter(0, event_id=EVENT, source_id="sensor-1", detail="expected a number")
    other = make_letter(1, source_id="sensor-2", detail="expected an object", reason="id_conflict")
    client = operator()

    def found(search: str) -> set[int]:
        return set(map(int, re.findall(r"/deadletter/(\d+)/change/", text(client.get(LIST, {"q": search})))))

    assert found(str(EVENT)) == {one.pk}
    assert found("sensor-2") == {other.pk}
    assert found("A NUMBER") == {one.pk}
    assert found("ID_conf") == found("DIFFERENT content") == {other.pk}
    assert found("nothing") == set()


def test_letters_first_seen_since_a_time_are_listed_and_chosen_alike(site: Deployment) -> None:
    make_letter(0)
    fresh = make_letter(1)
    DeadLetter.objects.filter(pk=fresh.pk).update(first_seen=timezone.now())
    client = operator()

    offered = re.findall(r'href="\?(since=[^"]+)">\s*in the last day', text(client.get(LIST)))[0]

    assert f"/deadletter/{fresh.pk}/change/" in (page := text(client.get(f"{LIST}?{offered}")))
    assert "1 dead letter" in page
    assert set(selection.selection_from(QueryDict(offered)).query()) == {fresh}
    # A time that can't be read means none, in the list and in what is chosen by it.
    assert "0 dead letters" in text(client.get(f"{LIST}?since=2026"))
    assert not selection.selection_from(QueryDict("since=2026")).query().exists()


def test_the_page_of_a_letter_tells_its_story(site: Deployment) -> None:
    root = make_letter(0, raw=GOOD % 1, edited=GOOD % 2, state="sent", redrives=0)
    make_letter(1, raw=GOOD % 2, root=root, redrives=1, reason="refused_by_store")
    DeadLetterAction.objects.create(
        letter=root, at=timezone.now(), who="<ann>", kind="edited", note="the clock was off"
    )

    page = text(operator().get(f"{LIST}{root.pk}/change/"))

    assert "The text is not JSON in UTF-8" in page
    assert "A store can&#x27;t keep this event" in page
    assert '<span class="removed">-    &quot;n&quot;: 1</span>' in page
    assert '<span class="added">+    &quot;n&quot;: 2</span>' in page
    assert "&lt;ann&gt;" in page
    assert "the clock was off" in page


def test_ticked_letters_lead_to_a_page_that_asks_and_changes_nothing(site: Deployment) -> None:
    letters = [make_letter(line) for line in range(3)]
    client = operator()

    answer = client.post(LIST, {"action": "redrive", "_selected_action": [letters[0].pk, letters[2].pk]}, follow=True)

    assert answer.redirect_chain == [(f"{LIST}redrive/?ids={letters[0].pk}%2C{letters[2].pk}", 302)]
    assert "<b>2</b> dead letters" in text(answer)
    assert not Job.objects.exists()


def test_everything_that_matches_a_filter_is_sent_by_one_job(site: Deployment) -> None:
    for line in range(3):
        make_letter(line, reason="id_conflict")
    newest = make_letter(3)
    client = operator()

    asked = client.post(
        f"{LIST}?reason=id_conflict",
        {"action": "redrive", "select_across": "1", "_selected_action": ["1"]},
        follow=True,
    )
    sent = client.post(asked.redirect_chain[0][0], {"rate": "50", "note": "clock"}, follow=True)

    job = Job.objects.get()
    assert "<b>3</b> dead letters" in text(asked)
    assert job.arguments == {
        "selection": {"reason": "id_conflict"}, "up_to": newest.pk, "rate": 50, "note": "clock"
    }  # fmt: skip
    assert (job.kind, job.who) == ("redrive", "operator")
    assert sent.redirect_chain[-1][0] == f"/jobs/{job.pk}/"
    assert 'data-refresh="1"' in text(sent)


def test_what_the_list_shows_is_what_an_action_takes(site: Deployment) -> None:
    make_letter(0, source_id="a")
    make_letter(1, source_id="b")
    client = operator()

    foreign = [client.get(f"{LIST}?{filtered}") for filtered in ("partition=3", "id__lt=2", "topic__name=x")]
    listed = text(client.get(f"{LIST}?source=a&q=b"))
    chosen = [selection.selection_from(QueryDict(f"source=a&q={search}")).query().count() for search in "ab"]

    # Refused: it would be honoured by the list alone.
    assert [answer.status_code for answer in foreign] == [400] * 3
    assert "0 dead letters" in listed
    assert chosen == [1, 0]


def test_a_dry_run_says_what_would_become_of_letters_and_sends_nothing(site: Deployment) -> None:
    make_letter(0, raw=GOOD % 1)
    make_letter(1, raw=b"{")

    page = text(operator().post(f"{LIST}redrive/", {"try": "1"}))

    assert "1 of 2 would be stored now; 1 fail again: not_json" in page
    assert not Job.objects.exists()
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"open"}


def test_letters_that_can_not_be_sent_are_left_out_and_counted(site: Deployment) -> None:
    make_letter(0, state="stored")
    make_letter(1, state="discarded")
    parked = make_letter(2, state="parked")
    client = operator()

    everything = text(client.get(f"{LIST}redrive/"))
    named = text(client.get(f"{LIST}redrive/?ids={parked.pk}"))

    assert "All open dead letters are selected: <b>0</b>" in everything
    assert "3 further ones are left out" in everything
    assert "<b>1</b> dead letter," in named


def test_numbers_that_can_not_be_read_mean_no_letter(site: Deployment) -> None:
    make_letter(0)

    assert LetterFilter() == selection.selection_from(QueryDict(""))
    assert not selection.selection_from(QueryDict("ids=all")).actionable().exists()


def test_letters_are_discarded_for_a_reason_only(site: Deployment) -> None:
    letter = make_letter(0)
    client = operator()

    asked = client.get(f"{LIST}discard/?ids={letter.pk}")
    silent = client.post(f"{LIST}discard/?ids={letter.pk}", {"note": " "})
    client.post(f"{LIST}discard/?ids={letter.pk}", {"note": "a test"})

    job = Job.objects.get()
    assert "This count is the dry run" in text(asked)
    assert "This field is required." in text(silent)
    assert (job.kind, job.arguments) == (
        "discard", {"selection": {"ids": [letter.pk]}, "up_to": letter.pk, "note": "a test"}
    )  # fmt: skip


def test_letters_that_come_in_after_they_were_counted_are_left_alone(site: Deployment) -> None:
    make_letter(0)
    make_letter(1)
    client = operator()

    asked = text(client.get(f"{LIST}discard/"))
    counted = re.findall(r'<input type="hidden" name="up_to" value="(\d+)"', asked)[0]
    make_letter(2)
    again = text(client.post(f"{LIST}discard/", {"up_to": counted}))
    tried = text(client.post(f"{LIST}redrive/", {"up_to": counted, "try": "1"}))
    client.post(f"{LIST}discard/", {"up_to": counted, "note": "a test"})
    make_letter(3)
    client.post(f"{LIST}discard/?stage=rows", {"note": "asked for by nobody who saw a page"})
    make_letter(4, stage="rows")
    while queue.run_next("one", {discard.KIND: discard.step}, stopping=threading.Event()):
        pass

    assert all("<b>2</b>" in page for page in (asked, again))
    assert "0 of 2 would be stored now" in tried
    assert list(DeadLetter.objects.order_by("id").values_list("state", flat=True)) == ["discarded"] * 2 + ["open"] * 3
    assert list(Job.objects.order_by("id").values_list("total", "done")) == [(2, 2), (0, 0)]


def test_an_edit_is_held_to_the_contract_before_anything_is_sent(site: Deployment) -> None:
    letter = make_letter(0, raw=GOOD.replace(b"Z", b"") % 1)
    client = operator()
    address = f"{LIST}{letter.pk}/edit/"

    form = text(client.get(address))
    wrong = text(client.post(address, {"event": '{"sourceId": "sensor-1"}'}))
    client.post(address, {"event": (GOOD % 1).decode(), "note": "zone"})

    job = Job.objects.get()
    assert "&quot;timestamp&quot;: &quot;2009-03-01T00:00:00&quot;" in form
    assert "A required field is missing" in wrong
    assert job.arguments["edited"].startswith('{"id":"')
    assert job.arguments["selection"] == {"ids": [letter.pk]}


def test_a_letter_that_is_on_its_way_is_not_edited(site: Deployment) -> None:
    letter = make_letter(0, state="sent")

    answer = operator().get(f"{LIST}{letter.pk}/edit/", follow=True)

    assert answer.redirect_chain == [(f"{LIST}{letter.pk}/change/", 302)]
    assert "there is nothing to edit" in text(answer)


def test_viewers_can_change_nothing(site: Deployment) -> None:
    letter = make_letter(0)
    job = make_job()
    client = viewer()

    page = text(client.get(f"{LIST}{letter.pk}/change/"))
    listing = text(client.get(LIST))
    refused = [
        client.get(f"{LIST}redrive/?ids={letter.pk}"),
        client.post(f"{LIST}redrive/?ids={letter.pk}"),
        client.post(f"{LIST}discard/?ids={letter.pk}", {"note": "x"}),
        client.post(f"{LIST}{letter.pk}/edit/", {"event": "{}"}),
        client.post(f"/jobs/{job.pk}/cancel/"),
    ]

    assert "Redrive" not in page + listing
    assert [answer.status_code for answer in refused] == [403] * 5
    assert list(Job.objects.values_list("pk", "cancel_requested")) == [(job.pk, False)]


def test_nothing_is_changed_without_a_token_of_the_form(site: Deployment) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("operator", password=None))
    job = make_job()

    assert client.post(f"{LIST}redrive/", {}).status_code == 403
    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 403
    assert client.get(f"/jobs/{job.pk}/cancel/").status_code == 405


def test_the_list_of_jobs_leads_to_the_page_of_each(site: Deployment) -> None:
    job = make_job(state=Job.State.RUNNING, total=20, done=6)
    client = operator()

    listed = text(client.get("/admin/processing/job/"))
    answer = client.get(f"/admin/processing/job/{job.pk}/change/")

    assert "6 of 20" in listed
    assert f'href="/jobs/{job.pk}/"' in listed
    assert answer.headers["Location"] == f"/jobs/{job.pk}/"


def test_the_pages_carry_no_inline_code(site: Deployment) -> None:
    letter = make_letter(0)
    job = make_job()
    client = operator()
    paths = [
        f"{LIST}redrive/", f"{LIST}discard/", f"{LIST}{letter.pk}/edit/",
        f"/jobs/{job.pk}/", "/admin/processing/job/",
    ]  # fmt: skip

    assert [INLINE.findall(text(client.get(path))) for path in paths] == [[]] * len(paths)


def test_an_address_that_no_list_gave_is_no_error(site: Deployment) -> None:
    client = operator()

    for asked in ("?source=a%20b&state=lost&q=%20", "redrive/?source=a%20b&state=lost&ids=x&q=%20"):
        assert client.get(f"{LIST}{asked}").status_code == 200


def test_the_list_reads_no_bytes(site: Deployment) -> None:
    make_letter(0, raw=b"x" * 100)

    with CaptureQueriesContext(connection) as queries:
        operator().get(LIST)

    assert not [query for query in queries if '"dead_letter"."raw"' in query["sql"]]


def listed(page: str) -> set[str]:
    """The choices of the filters, but for `All`, with reasons and states as they stand in the address."""
    found = re.findall(r'<a href="[^"]*">\s*([^<]+ \(\d+\))</a>', page)
    return {choice.replace("not json", "not_json").replace("id conflict", "id_conflict") for choice in found}


def viewer() -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_deadletter", "view_job"]))
    client = Client()
    client.force_login(user)
    return client


def make_job(*, state: Job.State = Job.State.QUEUED, **values: int) -> Job:
    now = timezone.now()
    arguments = {"selection": {"reason": "not_json"}, "note": ""}
    return Job.objects.create(
        kind="redrive", arguments=arguments, state=state, who="ann", created_at=now, heartbeat=now, **values
    )
