"""Upgrades: what migrations lock, and the release before, from which a test upgrades. Imports the product and its tests."""
