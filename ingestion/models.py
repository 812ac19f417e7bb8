"""The registry of sources: who may send, and how they are labelled."""

from __future__ import annotations

from django.db import models


class Source(models.Model):
    """One sender of events. What it sent is counted in processing.models.SourceStatistics."""

    source_id = models.CharField(max_length=128, primary_key=True)
    enabled = models.BooleanField(default=True)
    labels = models.JSONField(default=dict, blank=True)
    registered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "source"
        ordering = ["source_id"]

    def __str__(self) -> str:
        return self.source_id
