"""The language of rules: from a line of text to a checked tree, its interpreter and its compiler. Pure; imports `logic.faults` and `events`."""
