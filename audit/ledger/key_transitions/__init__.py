"""Signed statements by which a log changes its keys or its name."""
