"""Roles of PostgreSQL for people and tools that read the schema `read` by SQL (docs/sql.md); imports `processing.stores.postgres`."""
