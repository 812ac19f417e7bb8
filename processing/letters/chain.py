"""The letters of one event: the first one and those that its failed redrives left."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from processing.models import DeadLetter


def chain(letter: DeadLetter) -> QuerySet[DeadLetter]:
    """Give a letter and all others of its event, the first one first, without their bytes."""
    root = letter.root_id or letter.pk
    return DeadLetter.objects.filter(Q(pk=root) | Q(root=root)).defer("raw", "edited").order_by("id")
