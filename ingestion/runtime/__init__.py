"""What lives once per process or event loop: limits from settings, the Redis client, the context of a request."""
