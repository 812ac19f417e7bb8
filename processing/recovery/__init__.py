"""Recovery: compare the stores (reconcile), repair them, and restore lost rows or documents. Imports no view or command."""
