"""Erases a person: openings, evidence, working rows, files and what processes remember."""
