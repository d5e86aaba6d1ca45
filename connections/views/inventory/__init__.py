"""Everybody's connections: list, filters, changes, acts on several."""
