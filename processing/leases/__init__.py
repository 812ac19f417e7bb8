"""The right of one process at a time to write something, as rows that hold behind any connection pooler. May import stores."""
