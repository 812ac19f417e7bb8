"""Takes stored events through a revision of logic again; imports `rebuild` and `recount`."""
