"""The type of what runs SQL, within the consumer's own connection or Django's."""

from __future__ import annotations

import psycopg
from django.db.backends.utils import CursorWrapper

Cursor = CursorWrapper | psycopg.Cursor
