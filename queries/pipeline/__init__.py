"""The state of the pipeline: ledger, lag, processes, dependencies, incidents."""
