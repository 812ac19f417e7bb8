"""The demo in one click, on the page of the first steps."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from deploy.testing.deployment import Deployment
from processing.demo import job as demo
from processing.models import Job

pytestmark = pytest.mark.services


def test_the_page_starts_and_removes_it_and_a_receiver_that_does_not_answer_is_told(site: Deployment) -> None:
    operator = Client()
    operator.force_login(User.objects.create_superuser("operator"))

    operator.post("/start/demo/")
    [job] = Job.objects.filter(kind=demo.KIND)
    page = operator.get("/start/").content.decode()
    job.arguments = {**job.arguments, "address": "http://127.0.0.1:9"}
    job.save()
    site.start_jobs()
    site.wait_for(lambda: Job.objects.get(pk=job.pk).state == Job.State.FAILED, 30)
    removed = operator.post("/start/demo/remove/", follow=True).content.decode()

    assert f"job {job.pk}" in page
    assert Job.objects.get(pk=job.pk).message == "No receiver answers at http://127.0.0.1:9."
    assert "The demo has ended" in removed
