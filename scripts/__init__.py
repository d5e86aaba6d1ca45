"""Starts it: what `make` runs."""
