"""What the editor of a rule shows of stored events: their fields, examples, a trial. Imports `events` and `reads`."""
