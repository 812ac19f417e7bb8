"""The addresses of the pages, and of the snapshots for clients without a WebSocket."""

from __future__ import annotations

from django.urls import path

from dashboard.pages import views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("sources/", views.sources, name="sources"),
    path("sources/<source_id>/", views.source, name="source"),
    path("live/<channel>/", views.live, name="live"),
]
