"""Who may send or read: API keys, their rate limits, what a reader may see, and the registry of sources."""
