"""The page of the pipeline, its ledger, incidents and held partitions, and what an operator does there."""
