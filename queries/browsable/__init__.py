"""The API as pages for people: an answer of the read API with a form for its parameters. May import the document, but no view."""

from __future__ import annotations
