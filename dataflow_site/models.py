"""What the site itself keeps in PostgreSQL."""

from __future__ import annotations

from django.db import models


class SignInFailures(models.Model):
    """Wrong passwords of one user name from one address, or of one address; see dataflow_site.access.sign_in_limits."""

    name = models.CharField(max_length=64, primary_key=True)  # a digest: names and addresses of strangers are not kept
    failures = models.IntegerField()
    since = models.DateTimeField(db_index=True)  # of the first one; the index is for the removal of old rows

    class Meta:
        db_table = "sign_in_failures"
        permissions = [("open_admin", "Can open the administration")]

    def __str__(self) -> str:
        return f"{self.failures} since {self.since:%H:%M}"
