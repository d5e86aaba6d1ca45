"""Verifies the whole ledger: on request, continuously, and from the command line."""
