"""The live feed at /ws/live: one hub per process, conflated frames, an acknowledgement window and limits per client."""
