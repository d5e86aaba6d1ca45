"""Signed-in sessions and where they are stored."""
