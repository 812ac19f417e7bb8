"""What pages show, as text for a terminal: the state, the live tail, sources, a trace; imports `live` and `panels`."""
