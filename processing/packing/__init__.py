"""The job that brings rollups and ledger into the form that takes little room."""
