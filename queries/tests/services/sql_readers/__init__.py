"""Tests of readers by SQL."""
