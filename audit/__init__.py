"""Remembers: record, sequence, prove, search, export, verify."""
