"""Fields of payloads in SQL: their values, and the indexes that operators declare on them."""
