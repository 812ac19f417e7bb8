"""Watches over capacity and backlog; raises incidents."""
