"""Rules: a condition and actions on an event, run one after the other. Pure; imports `expressions` and `logic.content`."""
