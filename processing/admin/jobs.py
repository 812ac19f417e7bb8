"""The admin of jobs: their progress and reports, and buttons to pause, resume and cancel one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from processing.admin import formatting
from processing.admin.readonly import ReadOnlyAdmin
from processing.jobs import queue
from processing.models import Job
from processing.trials import report_text

PERMISSION = "processing.change_job"
UNFINISHED = (Job.State.QUEUED, Job.State.RUNNING)
# What an operator may do with a job, by the last part of an address.
ACTIONS: Mapping[str, Callable[[int], Job]] = {"cancel": queue.cancel, "pause": queue.pause, "resume": queue.resume}
EVENTS = "processing.view_event"  # permission: the examples in a report are events


class JobAdmin(ReadOnlyAdmin):
    """Newest first. The page of a job reloads until the job has ended."""

    list_display = ["job", "kind", "state", "progress", "message", "who", "created_at"]
    list_filter = ["state", "kind"]
    ordering = ["-id"]
    sortable_by = ["job"]
    change_form_template = "admin/processing/job/change_form.html"
    fields = [
        *("kind", "state", "bar", "message", "what"),
        *("who", "worker", "created_at", "started_at", "finished_at", "heartbeat"),
    ]
    readonly_fields = ["bar", "what"]

    @admin.display(ordering="id")
    def job(self, row: Job) -> SafeString:
        return formatting.link("job", str(row.pk), str(row.pk))

    def progress(self, row: Job) -> str:
        return f"{row.done:,}" if row.total is None else f"{row.done:,} of {row.total:,}"

    @admin.display(description="progress")
    def bar(self, row: Job) -> SafeString | str:
        if not row.total:
            return self.progress(row)
        return format_html(
            '<progress max="{}" value="{}"></progress> {}', row.total, min(row.done, row.total), self.progress(row)
        )

    @admin.display(description="arguments")
    def what(self, row: Job) -> SafeString:
        return formatting.pre(json.dumps(row.arguments, indent=2, ensure_ascii=False))

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(require_POST(self.act))
        actions = [
            path(f"<int:number>/{action}/", act, {"action": action}, name=f"processing_job_{action}")
            for action in ACTIONS
        ]
        return [*actions, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        runs = job is not None and job.state in UNFINISHED
        paused = job is not None and job.state == Job.State.PAUSED
        tools = {
            "job": job,
            "letter": job and _only_letter(job),
            "runs": runs,
            "paused": paused,
            "may_act": (runs or paused) and request.user.has_perm(PERMISSION),
            "report": job and job.report and _report(job.report, examples=request.user.has_perm(EVENTS)),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **tools})

    def act(self, request: HttpRequest, number: int, action: str) -> HttpResponse:
        """Cancel, pause or resume a job."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        try:
            ACTIONS[action](number)
        except queue.JobNotFound as error:
            raise Http404 from error
        return HttpResponseRedirect(formatting.change_url("job", str(number)))


def _only_letter(job: Job) -> int | None:
    """Return the number of the dead letter that a job is about, if it is exactly one."""
    numbers = job.arguments.get("selection", {}).get("ids", [])
    return numbers[0] if len(numbers) == 1 else None


def _report(report: Mapping[str, Any], *, examples: bool) -> str:
    """Return the report of a trial or a replay as text."""
    counted = {name: f"{count:,}" for name, count in report.get("rows", {}).items()}
    of_rows = "".join(f"{name}: {count}\n" for name, count in counted.items())
    if "outcomes" not in report:
        return of_rows
    return report_text.as_text(report if examples else {**report, "examples": {}}) + (
        f"\n\n{of_rows}" if of_rows else ""
    )
