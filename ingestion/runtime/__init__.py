"""What lives once per process or event loop: limits from settings, the Redis client, signed values, a request's context.

And what sockets of receivers and of stores share: how one ends with a reset.
"""
