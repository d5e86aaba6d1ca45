"""Hands out what proves the log to others: proofs, checkpoints, tiles, time tokens."""
