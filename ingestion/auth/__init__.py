"""Who may send or read: API keys, their rate limits and the registry of sources."""
