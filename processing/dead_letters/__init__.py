"""Dead letters as operators see them: filter, show, edit, redrive, discard, export."""
