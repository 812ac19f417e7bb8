"""What the pages keep of people."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Preference(models.Model):
    """How a person wants to see the pages; see dashboard.frame.preferences."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preference")
    theme = models.CharField(max_length=8)
    zone = models.CharField(max_length=64)  # name of the IANA database, or "source"

    class Meta:
        db_table = "preference"

    def __str__(self) -> str:
        return f"{self.theme}, {self.zone}"
