"""Tests of logic, without servers."""
