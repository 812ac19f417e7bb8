"""The admin of jobs: their progress, and a button to cancel one."""

from __future__ import annotations

import json
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

PERMISSION = "processing.change_job"
UNFINISHED = (Job.State.QUEUED, Job.State.RUNNING)


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
        cancel = self.admin_site.admin_view(require_POST(self.cancel))
        return [path("<int:number>/cancel/", cancel, name="processing_job_cancel"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        runs = job is not None and job.state in UNFINISHED
        tools = {
            "job": job,
            "letter": job and _only_letter(job),
            "runs": runs,
            "may_cancel": runs and request.user.has_perm(PERMISSION),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **tools})

    def cancel(self, request: HttpRequest, number: int) -> HttpResponse:
        """Cancel a job."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        try:
            queue.cancel(number)
        except queue.JobNotFound as error:
            raise Http404 from error
        return HttpResponseRedirect(formatting.change_url("job", str(number)))


def _only_letter(job: Job) -> int | None:
    """Return the number of the dead letter that a job is about, if it is exactly one."""
    numbers = job.arguments.get("selection", {}).get("ids", [])
    return numbers[0] if len(numbers) == 1 else None
