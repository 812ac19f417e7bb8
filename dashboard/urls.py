"""The addresses of the pages, and of the snapshots for clients without a WebSocket."""

from __future__ import annotations

from django.urls import path

from dashboard.frame.page import page_paths
from dashboard.live import polling
from dashboard.pages.account import sign_in
from dashboard.pages.account import views as account
from dashboard.pages.events import views as events
from dashboard.pages.jobs import views as jobs
from dashboard.pages.letters import actions as letter_actions
from dashboard.pages.letters import views as letters
from dashboard.pages.logic.urls import urlpatterns as logic
from dashboard.pages.overview import views as overview
from dashboard.pages.pipeline import actions as pipeline_actions
from dashboard.pages.pipeline import refusals
from dashboard.pages.pipeline import views as pipeline
from dashboard.pages.search import views as search
from dashboard.pages.sources import list_view as source_list
from dashboard.pages.sources import views as sources
from dashboard.pages.start import demo
from dashboard.pages.start import views as start

urlpatterns = [
    *page_paths("", overview.overview, name="overview"),
    *page_paths("sources/", source_list.sources, name="sources"),
    *page_paths("sources/<source_id>/", sources.source, name="source"),
    path("sources/<source_id>/charts.json", sources.chart_data, name="source-charts"),
    path("sources/<source_id>/edit/", sources.edit, name="source-edit"),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("account/", account.account, name="account"),
    path("account/password/", sign_in.ChangePassword.as_view(), name="password"),
    path("account/preferences/", account.save_preferences, name="preferences"),
    *page_paths("pipeline/", pipeline.pipeline, name="pipeline"),
    *page_paths("pipeline/ledger/", pipeline.ledger_page, name="pipeline-ledger"),
    *page_paths("pipeline/refusals/", refusals.refusals, name="refusals"),
    *page_paths("pipeline/incidents/", pipeline.incidents_page, name="incidents"),
    *page_paths("pipeline/partitions/<topic>/<int:number>/", pipeline.partition, name="partition"),
    path("pipeline/partitions/<topic>/<int:number>/<how>/", pipeline_actions.partition, name="partition-act"),
    path("pipeline/incidents/<int:number>/acknowledge/", pipeline_actions.incident, name="incident-acknowledge"),
    path("pipeline/sources/<source_id>/resume/", pipeline_actions.source, name="source-resume"),
    path("pipeline/reconcile/", pipeline_actions.reconcile, name="reconcile"),
    *page_paths("dead-letters/", letters.letters, name="dead-letters"),
    *page_paths("dead-letters/<int:number>/", letters.letter, name="dead-letter"),
    *page_paths("dead-letters/redrive/", letters.redrive, name="letters-redrive"),
    *page_paths("dead-letters/discard/", letters.discard, name="letters-discard"),
    *page_paths("dead-letters/reopen/", letters.reopen, name="letters-reopen"),
    path("dead-letters/export/", letters.export, name="letters-export"),
    path("dead-letters/redrive/start/", letter_actions.start_redrive, name="letters-start-redrive"),
    path("dead-letters/discard/start/", letter_actions.start_discard, name="letters-start-discard"),
    path("dead-letters/reopen/start/", letter_actions.start_reopen, name="letters-start-reopen"),
    path("dead-letters/<int:number>/try/", letter_actions.try_edited, name="letter-try"),
    path("dead-letters/<int:number>/check/", letter_actions.check_edited, name="letter-check"),
    path("dead-letters/<int:number>/send/", letter_actions.send_edited, name="letter-send"),
    *page_paths("jobs/", jobs.jobs, name="jobs"),
    *page_paths("jobs/<int:number>/", jobs.job, name="job"),
    path("jobs/<int:number>/<how>/", jobs.act, name="job-act"),
    *logic,
    *page_paths("start/", start.start, name="start"),
    path("start/key/", start.make_key, name="start-key"),
    path("start/demo/", demo.start, name="start-demo"),
    path("start/demo/remove/", demo.remove, name="start-demo-remove"),
    *page_paths("events/", events.events, name="events"),
    path("events/known/", events.known, name="events-known"),
    *page_paths("events/<source_id>/<event_id>/", events.event, name="event"),
    *page_paths("search/", search.search, name="search"),
    path("live/<channel>/", polling.live, name="live"),
]
