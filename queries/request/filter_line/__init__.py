"""The filter of events in one line: its terms, parsed and printed, and judged on one event. Imports no store."""
