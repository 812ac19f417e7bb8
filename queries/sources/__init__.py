"""Sources: what each has sent, when and how fast, its fields, and its latest values; imports events, reads and request."""
