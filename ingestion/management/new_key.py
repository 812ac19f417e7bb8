"""What `manage.py create_key` shows a person: the key, what it may do, and how to try it."""

from __future__ import annotations

from django.conf import settings

from ingestion.code_samples import Address, code_samples, example_source
from ingestion.management.terminal import Terminal
from ingestion.models import Key, Scope

LOCAL = "localhost"  # where a command runs, so do the receivers of a laptop


def render(key: Key, token: str, terminal: Terminal) -> str:
    """Return the text. The token stands in a line of its own, to be copied."""
    may = ", ".join(f"{Scope(each).label} ({each})" for each in key.scopes)
    until = f"{key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "it is revoked"
    return "\n".join(
        (
            terminal.paint(f"Made the key {key.name} ({key.prefix}).", "strong"),
            f"  May      {may}",
            f"  Sources  {', '.join(key.sources) or 'all'}",
            f"  Rate     {key.rate or 'the default of the site'}",
            f"  Until    {until}",
            "",
            "Shown once; it is not stored:",
            "",
            terminal.paint(token, "good"),
            "",
            "Try it:",
            "",
            _attempt(key, token),
        )
    )


def _attempt(key: Key, token: str) -> str:
    if Scope.INGEST in key.scopes:
        samples = code_samples(Address(LOCAL, is_secure=False), source=example_source(key.sources), key=token)
        return samples[0].text.rstrip()
    path = "/api/keys/" if key.scopes == [Scope.ADMIN] else "/data"
    return f'curl -i http://{LOCAL}:{settings.API_SERVICE_PORT}{path} -H "Authorization: Bearer {token}"'
