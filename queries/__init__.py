"""The read API: views -> trace, sources -> events, pipeline, dead_letters -> reads, request."""
