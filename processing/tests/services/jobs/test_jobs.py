"""Jobs: which worker runs them, their progress, and how they end."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from deploy.local import ports
from deploy.testing.deployment import Deployment
from processing.dead_letters import jobs
from processing.dead_letters.closing import discard
from processing.dead_letters.filters import LetterFilter
from processing.errors import StoreUnavailable
from processing.jobs import foreground, job_log, queue
from processing.jobs.queue import JobLost, JobNotFound
from processing.models import Job
from processing.tests.faults import fault_injection
from processing.tests.stored_rows import make_letter

pytestmark = pytest.mark.services


@pytest.fixture(name="site", scope="module")
def _site(module_site: Deployment) -> Deployment:
    return module_site


@pytest.fixture(autouse=True)
def _no_jobs(site: Deployment) -> None:
    Job.objects.all().delete()


class Counting:
    """A step that counts to three, and fails where it is told to."""

    def __init__(self, failures: dict[int, Exception] | None = None) -> None:
        self._failures = failures or {}
        self._calls = 0

    def step(self, job: Job) -> float | None:
        self._calls += 1
        if error := self._failures.get(self._calls):
            # What it has counted so far is rolled back.
            job.done += 100
            raise error
        if job.done == 3:
            return None
        job.total, job.place = 3, {"after": job.done + 1}
        queue.advance(job, done=1)
        return 0.0


def test_the_oldest_job_of_a_known_kind_is_done_first() -> None:
    foreign, first, second = (enqueue(kind) for kind in ("of a later release", "count", "count"))

    assert work()

    for job in (foreign, first, second):
        job.refresh_from_db()
    assert [job.state for job in (foreign, first, second)] == ["queued", "done", "queued"]
    assert (first.done, first.total, first.place, first.message) == (3, 3, {"after": 3}, "")
    assert first.started_at is not None
    assert first.finished_at is not None


def test_a_job_waits_for_a_store_that_is_away_and_goes_on() -> None:
    job = enqueue("count")
    told: list[str] = []

    taken = queue.claim("one", {"count": Counting().step})
    assert taken is not None
    steps = Counting({2: StoreUnavailable("Kafka is away")})
    queue.run(taken, steps.step, stopping=threading.Event(), report=lambda at: told.append(f"{at.done} {at.message}"))

    job.refresh_from_db()
    assert told == ["1 ", "1 waiting: Kafka is away", "2 ", "3 ", "3 "]
    assert (job.state, job.done) == ("done", 3)


def test_while_postgresql_is_read_only_jobs_wait_and_commands_say_so(site: Deployment) -> None:
    job, other = enqueue("count", worker="one"), enqueue("count")
    told: list[str] = []

    with ExitStack() as fault:
        fault.enter_context(fault_injection.read_only(site))
        site.wait_for(fault_injection.is_read_only, 10)

        def report(at: Job) -> None:
            told.append(at.message)
            fault.close()

        assert not work()
        with pytest.raises(CommandError, match=r"^PostgreSQL is read-only\.$"):
            call_command("dead_letters", "discard", "--all", "--note", "a test")
        queue.run(job, Counting().step, stopping=threading.Event(), report=report)

    job.refresh_from_db()
    other.refresh_from_db()
    assert told[0] == "waiting: PostgreSQL: ReadOnlySqlTransaction"
    assert (job.state, job.done, other.state) == ("done", 3, "queued")


def test_a_job_goes_on_after_its_worker_was_frozen_within_a_chunk(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_IDLE", 0.1)
    job, counting = enqueue("count", worker="one"), Counting()
    told: list[str] = []

    def step(at: Job) -> float | None:
        with jobs.chunk_transaction():
            if not told:
                connected = connection.connection.info.backend_pid
                site.wait_for(lambda: not is_connected(site, connected), 10)
            return counting.step(at)

    queue.run(job, step, stopping=threading.Event(), report=lambda at: told.append(at.message))

    job.refresh_from_db()
    assert told[0] == "waiting: PostgreSQL: IdleInTransactionSessionTimeout"
    assert (job.state, job.done) == ("done", 3)


def test_job_statements_have_more_time_and_counts_are_bounded(site: Deployment) -> None:
    letter = make_letter(0, source_id="slow")
    job = discard.request(LetterFilter(source_id="slow"), who="ann", note="a test", worker="one")
    told: list[str] = []

    with ExitStack() as lock, short_statements():
        lock.enter_context(fault_injection.locked(site, "dead_letter"))

        def release() -> None:
            with lock:
                site.wait_for(lambda: is_waited_for(site), 20)

        # The count gives up; what looks for the letters waits for longer than that.
        releasing = threading.Thread(target=release)
        releasing.start()
        queue.run(job, discard.step, stopping=threading.Event(), report=lambda at: told.append(at.message))
        releasing.join()

    job.refresh_from_db()
    letter.refresh_from_db()
    assert (job.state, job.total, job.done, letter.state) == ("done", None, 1, "discarded")
    assert not any(message.startswith("waiting") for message in told)


def test_a_bug_ends_its_job_and_no_other() -> None:
    broken, good = enqueue("count"), enqueue("count")
    steps = {"count": Counting({1: ZeroDivisionError()}).step}

    assert work(steps)
    assert work(steps)

    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.state, broken.done, good.state) == ("failed", 0, "done")
    assert broken.message.startswith("ZeroDivisionError; the log of ")


def test_a_job_goes_to_another_worker_once_its_own_is_silent() -> None:
    job = enqueue("count", worker="one")
    steps = {"count": Counting().step}

    assert queue.claim("two", steps) is None
    Job.objects.update(heartbeat=timezone.now() - queue.WORKER_TIMEOUT - timedelta(seconds=1))
    taken = queue.claim("two", steps)

    assert taken == job
    assert taken is not None
    assert taken.worker == "two"


def test_frozen_worker_leaves_its_job_to_the_next_worker() -> None:
    job = enqueue("count", worker="one")

    def step(at: Job) -> float | None:
        Job.objects.update(worker="two")
        with pytest.raises(JobLost):
            queue.advance(at, done=1)
        queue.advance(at, done=1)
        return 0.0

    queue.run(job, step, stopping=threading.Event())

    job.refresh_from_db()
    assert (job.state, job.worker, job.done) == ("running", "two", 0)


def test_a_job_that_waits_is_cancelled_at_once_and_one_that_is_over_stays() -> None:
    waiting, over = enqueue("count"), enqueue("count")
    Job.objects.filter(pk=over.pk).update(state="done")

    assert queue.cancel(waiting.pk).state == "cancelled"
    assert queue.cancel(over.pk).state == "done"
    assert not work()
    with pytest.raises(JobNotFound):
        queue.cancel(0)


def test_the_log_of_a_job_says_what_happened_to_it_and_by_whom() -> None:
    job = enqueue("count")
    queue.pause(job.pk, who="ann")
    queue.resume(job.pk, who="ann")
    steps = Counting({2: StoreUnavailable("Kafka is away"), 3: StoreUnavailable("Kafka is away")})

    def step(at: Job) -> float | None:
        if at.done == 2:
            queue.cancel(at.pk, who="key 1234")
            queue.note(at, "Two are counted", counts=True)
            queue.advance(at)
            return 0.0
        return steps.step(at)

    assert work({"count": step})

    job.refresh_from_db()
    assert [(entry["text"], entry.get("done")) for entry in job.log] == [
        ("Paused by ann", None),
        ("Resumed by ann", None),
        ("Worker one began", 0),
        ("Waiting: Kafka is away", None),
        ("Cancellation requested by key 1234", None),
        ("Two are counted", 2),
        ("Cancelled", None),
    ]
    for number in range(job_log.MOST):
        Job.objects.update(log=job_log.with_entry(str(number)))
    job.refresh_from_db()
    assert [entry["text"] for entry in job.log] == [str(number) for number in range(job_log.MOST)]


def test_progress_is_one_line_of_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        foreground.run(enqueue("count", worker="one"), Counting().step, out=out)

    assert terminal.getvalue().startswith("\r\x1b[K")
    assert "33%  1 of 3 done" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert file.getvalue() == ""


@contextmanager
def short_statements() -> Iterator[None]:
    """Let PostgreSQL cancel statements, as the settings do, after a fraction of their five seconds."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '200ms'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def is_waited_for(site: Deployment) -> bool:
    query = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND query LIKE '%%FOR UPDATE%%'"
        " AND wait_event_type = 'Lock' AND now() - query_start > '300 ms'"
    )
    with fault_injection.operator(site) as other:
        return other.execute(query, [site.name]).fetchone() is not None


def is_connected(site: Deployment, pid: int) -> bool:
    with fault_injection.operator(site) as other:
        return other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is not None


def enqueue(kind: str, *, worker: str = "") -> Job:
    return queue.enqueue(kind, {}, who="ann", worker=worker)


def work(steps: Mapping[str, queue.Step] | None = None) -> bool:
    return queue.run_next("one", steps or {"count": Counting().step}, stopping=threading.Event())


def test_a_worker_that_finds_no_table_says_what_to_run(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.DATAFLOW_JOBS_PORT = ports.free_port()
    # It would keep the signals of the tests' own process.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE job RENAME TO job_away")
    try:
        with pytest.raises(
            CommandError, match=r"^PostgreSQL lacks a table or column: run manage\.py migrate\.$"
        ) as told:
            call_command("run_jobs")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE job_away RENAME TO job")

    assert told.value.returncode == 1
