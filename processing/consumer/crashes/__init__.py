"""Isolate an event that ends the process. May import stores and leases, and nothing else of the consumer."""
