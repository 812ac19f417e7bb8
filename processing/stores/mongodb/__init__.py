"""The raw documents in MongoDB: how they are written, read and looked up later. The only package that imports pymongo."""

from __future__ import annotations
