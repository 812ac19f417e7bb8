"""The read API: views -> events, trace, pipeline, dead_letters -> reads, request."""
