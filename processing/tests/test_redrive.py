"""Dead letters that are sent once more: mended, in bulk, and by workers and consumers that die."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from deploy.local.product import Part, unasked
from deploy.local.server import Server
from deploy.local.servers import Servers
from deploy.local.site import close_pool
from deploy.local.topics import Topics
from ingestion.contract import InvalidEvent
from ingestion.timestamps import to_micros
from processing import jobs
from processing.failures import StoreUnavailable
from processing.letters import discard, redrive, rehearsal
from processing.letters import text as letter_text
from processing.letters.redrive import NotMendable
from processing.letters.selection import Selection
from processing.models import DeadLetter, DeadLetterAction, Job
from processing.outlet import Outlet
from processing.tests import making, truth, yard
from processing.tests.making import NOON, event_id
from processing.tests.reference import Sent
from processing.tests.yard import Yard, await_letter, await_state, history, letters, now

pytestmark = pytest.mark.services


@pytest.fixture(name="yard", scope="module")
def _yard(
    servers: Servers,
    _topics: Topics,
    _template: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Yard]:
    with django_db_blocker.unblock(), yard.opened(servers, _topics, tmp_path_factory.mktemp("redrive")) as opened:
        yield opened


def test_garbage_is_mended_stored_and_its_letter_closed(yard: Yard) -> None:
    making.put(
        yard.site.raw_topic, b'{"sourceId": "mended", "timestamp": "yesterday", "payload": {"n": 1}}', headers=[]
    )
    letter = await_letter(yard, "mended")
    text = letter_text.editable(letter).replace("yesterday", "2026-03-01T12:00:00Z")

    job = redrive.request_edited(letter, text.encode(), who="ann", now=now(), note="the clock was off")
    yard.await_end(job)
    await_state(yard, "mended", "stored", 1)

    letter.refresh_from_db()
    sent = letter_text.lines_of(bytes(letter.edited or b""))[0]
    yard.expected.letters["mended", "invalid_timestamp"] += 1
    yard.expected.add([Sent("mended", sent.id, NOON, {"n": 1})])
    assert history(letter) == [("ann", "edited", "the clock was off"), ("consumer", "stored", "stored")]
    assert letter.closed_at is not None
    assert sent.received == to_micros(letter.received)
    assert {'-  "timestamp": "yesterday",', '+  "timestamp": "2026-03-01T12:00:00Z",'} < set(
        letter_text.difference(letter)
    )
    yard.assert_exact()


def test_a_letter_is_parked_once_three_redrives_have_failed(yard: Yard) -> None:
    yard.refuse("hopeless", 1, mark="always")

    for failed in range(1, 4):
        yard.await_end(redrive.request(Selection(source_id="hopeless"), who="ann"))
        yard.site.wait_for(lambda failed=failed: letters("hopeless") == failed + 1, 30)  # type: ignore[misc]
    again = yard.await_end(redrive.request(Selection(source_id="hopeless"), who="ann"))

    root, *rest = DeadLetter.objects.filter(source_id="hopeless").order_by("id")
    yard.expected.letters["hopeless", "refused_by_store"] += 3
    assert again.done == 0
    assert [letter.state for letter in (root, *rest)] == ["sent", "sent", "sent", "parked"]
    assert [letter.root_id for letter in rest] == [root.pk] * 3
    assert [letter.redrives for letter in rest] == [1, 2, 3]
    assert [letter.attempts for letter in (root, *rest)] == [4, 1, 1, 1]
    assert root.last_seen == rest[-1].last_seen > root.first_seen
    assert history(rest[-1]) == [("consumer", "parked", "3 redrives have failed")]
    assert history(root)[-1] == ("consumer", "failed", f"refused_by_store: letter {rest[0].pk}")
    yard.assert_exact()

    yard.await_end(redrive.request(Selection(source_id="hopeless", state="sent"), who="ann"))
    yard.await_end(discard.request(Selection(ids=(rest[-1].pk,)), who="ann", note="given up"))

    # What failed is not on its way any more, and ends with the newest of its chain.
    assert letters("hopeless", state="discarded") == 4
    assert history(root)[-1] == ("ann", "discarded", "given up")
    yard.assert_exact()


def test_the_end_of_a_chain_closes_all_of_it(yard: Yard) -> None:
    yard.refuse("chained", 1, mark="always")
    yard.await_end(redrive.request(Selection(source_id="chained"), who="ann"))
    newest = await_letter(yard, "chained", redrives=1)
    text = letter_text.editable(newest).replace("always", "never")

    yard.await_end(redrive.request_edited(newest, text.encode(), who="ann", now=now()))
    await_state(yard, "chained", "stored", 2)

    yard.expected.letters["chained", "refused_by_store"] += 1
    yard.expected.add([Sent("chained", str(newest.event_id), NOON, {**json.loads(text)["payload"]})])
    yard.assert_exact()


def test_an_edited_id_conflict_gets_an_id_of_its_own(yard: Yard) -> None:
    first, other = b'{"n":1}', b'{"n":2}'
    for payload in (first, other):
        making.put(yard.site.raw_topic, making.line(900_000, payload, source="twins"))
    letter = await_letter(yard, "twins")

    yard.await_end(redrive.request_edited(letter, letter_text.editable(letter).encode(), who="ann", now=now()))
    await_state(yard, "twins", "stored", 1)

    letter.refresh_from_db()
    fresh = letter_text.lines_of(bytes(letter.edited or b""))[0].id
    yard.expected.letters["twins", "id_conflict"] += 1
    yard.expected.add([Sent("twins", event_id(900_000), NOON, {"n": 1}), Sent("twins", fresh, NOON, {"n": 2})])
    yard.assert_exact()


def test_an_edit_is_held_to_the_contract_and_to_letters_that_can_be_mended(yard: Yard) -> None:
    yard.refuse("edited", 1, mark="always")
    letter = DeadLetter.objects.get(source_id="edited")

    with pytest.raises(InvalidEvent, match="expected an object"):
        redrive.request_edited(letter, b'{"sourceId":"edited","timestamp":1,"payload":[]}', who="ann", now=now())
    yard.await_end(discard.request(Selection(ids=(letter.pk,)), who="ann", note="a test's"))
    letter.refresh_from_db()

    assert history(letter) == [("ann", "discarded", "a test's")]
    with pytest.raises(NotMendable):
        redrive.request_edited(letter, letter_text.editable(letter).encode(), who="ann", now=now())
    yard.assert_exact()


def test_a_dry_run_tells_what_would_be_stored_and_changes_nothing(yard: Yard) -> None:
    good = yard.refuse("rehearsed", 3)
    making.put(yard.site.raw_topic, b'{"sourceId": "rehearsed"}', headers=[])
    yard.site.wait_for(lambda: letters("rehearsed") == 4, 30)
    yard.expected.letters["rehearsed", "missing_field"] += 1
    stored = Sent("rehearsed", good[0].id, NOON, {**good[0].payload, "refuse": "once"})
    # Once as it is, so that its letter stands for what is stored; and the second's id with other content.
    yard.await_end(redrive.request(Selection(ids=(DeadLetter.objects.get(event_id=stored.id).pk,)), who="ann"))
    await_state(yard, "rehearsed", "stored", 1)
    DeadLetter.objects.filter(event_id=stored.id).update(state="open")
    making.put(
        yard.site.raw_topic,
        making.line(0, b'{"n":0}', source="rehearsed").replace(event_id(0).encode(), good[1].id.encode()),
    )
    yard.expected.add([stored, Sent("rehearsed", good[1].id, NOON, {"n": 0})])
    yard.site.wait_for(lambda: truth.caught_up(yard.site), 30)

    found = rehearsal.rehearse(Selection(source_id="rehearsed"))

    assert str(found) == (
        "2 of 4 would be stored now (1 of them are stored already); 2 fail again: 1 missing_field, 1 id_conflict."
    )
    assert (found.stored, found.duplicate, found.failing) == (1, 1, Counter(missing_field=1, id_conflict=1))
    assert letters("rehearsed", state="open") == 4
    yard.assert_exact()


def test_five_hundred_letters_are_sent_at_the_rate_that_was_asked_for(yard: Yard) -> None:
    yard.expected.add(yard.refuse("bulk", 500))

    job = yard.await_end(redrive.request(Selection(source_id="bulk"), who="ann", rate=200))
    await_state(yard, "bulk", "stored", 500)

    assert (job.state, job.total, job.done) == ("done", 500, 500)
    assert job.finished_at is not None
    assert job.started_at is not None
    # Three chunks, and a pause after each.
    assert job.finished_at - job.started_at > timedelta(seconds=2)
    yard.assert_exact()


def test_a_cancelled_job_ends_after_its_chunk(yard: Yard) -> None:
    sent = yard.refuse("cancelled", 100)

    job = redrive.request(Selection(source_id="cancelled"), who="ann", rate=10)
    yard.site.wait_for(lambda: Job.objects.get(pk=job.pk).done >= 20, 30)
    jobs.cancel(job.pk)
    job = yard.await_end(job)
    await_state(yard, "cancelled", "stored", job.done)

    assert job.state == "cancelled"
    assert job.done < 100
    assert letters("cancelled", state="open") == 100 - job.done
    yard.expected.add(sent[: job.done])
    yard.assert_exact()


@pytest.mark.parametrize("queued", [False, True])
def test_a_job_that_is_cancelled_while_it_can_send_nothing_gives_its_letters_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, queued: bool
) -> None:
    source = f"given-back-{queued}"
    yard.expected.add(yard.refuse(source, 3))
    stopping = threading.Event()

    def send(*_: object) -> None:
        assert letters(source, state="sent") == 3
        if queued:
            stopping.set()
        else:
            jobs.cancel(job.pk)
        raise StoreUnavailable("Kafka: made to fail")

    with monkeypatch.context() as patched:
        patched.setattr(Outlet, "send", send)
        job = redrive.request(Selection(source_id=source), who="ann", worker="a test's")
        jobs.run(job, redrive.Redrive().step, stopping=stopping)
        jobs.cancel(job.pk)
    job = yard.await_end(job)

    assert (job.state, job.done, letters(source, state="open")) == ("cancelled", 0, 3)
    yard.await_end(redrive.request(Selection(source_id=source), who="ann"))
    await_state(yard, source, "stored", 3)
    yard.assert_exact()


def test_a_letter_that_is_too_large_for_kafka_is_left_out_and_told(yard: Yard) -> None:
    first, _, last = yard.refuse("large", 3)
    large = DeadLetter.objects.filter(source_id="large").order_by("id")[1]
    # As of a sender that compresses: the broker's limit of 1 MiB is one for compressed bytes.
    DeadLetter.objects.filter(pk=large.pk).update(raw=bytes(large.raw) + b" " * 2_000_000)

    job = yard.await_end(redrive.request(Selection(source_id="large"), who="ann"))
    await_state(yard, "large", "stored", 2)

    large.refresh_from_db()
    assert (job.state, job.total, job.done, large.state) == ("done", 3, 2, "open")
    assert history(large) == [("ann", "redriven", ""), ("ann", "failed", redrive.TOO_LARGE)]
    yard.expected.add([first, last])
    # The others may have been in Kafka already when they were sent once more, one by one.
    yard.site.wait_for(lambda: truth.caught_up(yard.site), 30)
    yard.expected.duplicates["large"] += truth.totals(yard.site)["large"][2]
    assert yard.expected.duplicates["large"] <= 2
    yard.assert_exact()


def test_the_history_says_that_an_edit_is_sent_which_was_given_back_before(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.expected.add(yard.refuse("edited-before", 1))
    letter = await_letter(yard, "edited-before")

    def send(*_: object) -> None:
        jobs.cancel(job.pk)
        raise StoreUnavailable("Kafka: made to fail")

    with monkeypatch.context() as patched:
        patched.setattr(Outlet, "send", send)
        text = letter_text.editable(letter).encode()
        job = redrive.request_edited(letter, text, who="ann", now=now(), worker="a test's")
        jobs.run(job, redrive.Redrive().step, stopping=threading.Event())
    assert yard.await_end(job).state == "cancelled"

    yard.await_end(redrive.request(Selection(source_id="edited-before"), who="bob"))
    await_state(yard, "edited-before", "stored", 1)

    assert [(who, kind) for who, kind, _ in history(letter)] == [
        ("ann", "edited"), ("bob", "edited"), ("consumer", "stored")
    ]  # fmt: skip
    yard.assert_exact()


@pytest.mark.faults
def test_a_job_goes_on_where_a_signal_ended_its_worker(yard: Yard) -> None:
    yard.expected.add(yard.refuse("interrupted", 60))

    job = redrive.request(Selection(source_id="interrupted"), who="ann", rate=20)
    yard.site.wait_for(lambda: Job.objects.get(pk=job.pk).done, 30)
    assert yard.jobs.stop() == 0
    between = Job.objects.get(pk=job.pk)
    yard.jobs = yard.site.start_jobs()
    yard.await_end(job)
    await_state(yard, "interrupted", "stored", 60)

    assert between.state == "queued"
    assert 0 < between.done < 60
    assert Job.objects.get(pk=job.pk).done == 60
    assert Counter(DeadLetterAction.objects.filter(letter__source_id="interrupted").values_list("kind", flat=True)) == {
        "redriven": 60,
        "stored": 60,
    }
    yard.assert_exact()


@pytest.mark.faults
@pytest.mark.parametrize("name", ["postgres", "kafka"])
def test_a_job_waits_for_a_server_that_is_away_and_goes_on(yard: Yard, name: str) -> None:
    source = f"without-{name}"
    yard.expected.add(yard.refuse(source, 60))

    job = redrive.request(Selection(source_id=source), who="ann", rate=20)
    yard.site.wait_for(lambda: Job.objects.get(pk=job.pk).done, 30)
    server: Server = getattr(yard.site.servers, name)
    server.stop()
    try:
        yard.site.wait_for(lambda: "a job waits" in yard.jobs.log, 30)
    finally:
        server.start()
    # Those to a server that was stopped are of no use.
    connections.close_all()
    close_pool()
    yard.await_end(job)
    await_state(yard, source, "stored", 60)

    # What Kafka had, without our knowing, came again.
    yard.expected.duplicates[source] += truth.totals(yard.site)[source][2]
    assert yard.expected.duplicates[source] <= 20
    yard.assert_exact()


@pytest.mark.parametrize("moment", ["marked", pytest.param("sent", marks=pytest.mark.faults)])
def test_a_job_whose_worker_was_killed_is_taken_over_and_stores_each_event_once(yard: Yard, moment: str) -> None:
    source = f"killed-{moment}"
    yard.expected.add(yard.refuse(source, 60))
    assert yard.jobs.stop() == 0

    job = redrive.request(Selection(source_id=source), who="ann", rate=20)
    killed = yard.site.launch(Part("killed jobs", "", ("-m", "processing.tests.killed_jobs", moment), is_well=unasked))
    yard.site.wait_for(lambda: not killed.running, 30)
    between = Job.objects.get(pk=job.pk)
    Job.objects.filter(pk=job.pk).update(heartbeat=timezone.now() - jobs.SILENCE)
    yard.jobs = yard.site.start_jobs()
    yard.await_end(job)
    await_state(yard, source, "stored", 60)

    assert killed.exit_code == -signal.SIGKILL
    assert (between.state, between.done, len(between.place["sending"])) == ("running", 20, 20)
    # What had been sent came again, and was stored already.
    yard.expected.duplicates[source] += truth.totals(yard.site)[source][2]
    assert yard.expected.duplicates[source] <= (20 if moment == "sent" else 0)
    yard.assert_exact()
