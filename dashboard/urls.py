"""The pages, and what the live feed reads where no socket works."""

from __future__ import annotations

from django.urls import path

from dashboard import views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("sources/", views.sources, name="sources"),
    path("sources/<source_id>/", views.source, name="source"),
    path("live/<channel>/", views.live, name="live"),
]
