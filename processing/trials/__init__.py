"""Trials of a revision on history, before it is switched on; write nothing but their report. Imports `jobs`, `stores`, `logic`."""
