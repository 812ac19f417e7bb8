"""The first steps: send an event, see it, break one and mend it."""
