"""The consumer process: its loop, the steps of a batch, retries and crash isolation."""
