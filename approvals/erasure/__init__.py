"""Erasing a person, and legal holds that forbid it (DESIGN 1.4, 1.7)."""
