"""Mends: a few steps that change what was sent, for many dead letters alike. Imports what edits and renders a letter."""
