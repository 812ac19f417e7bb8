"""Bounded reads: PostgreSQL with a statement timeout, and the cache."""
