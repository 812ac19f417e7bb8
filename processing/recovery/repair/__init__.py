"""Repair what reconcile reports."""
