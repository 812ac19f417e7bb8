"""Rollups by day and the ledger by hour, the forms that take little room, and how both forms are read as one."""
