"""What lives once per process or event loop: limits from settings, the Redis client, signed values, a request's context."""
