"""What comparisons of the stores are asked to do, and what their differences mean; `recovery.reconcile` does it. Imports `jobs`."""
