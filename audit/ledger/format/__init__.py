"""Entries, notes and checkpoints as bytes: canonical JSON, fields, commitments, shown values."""
