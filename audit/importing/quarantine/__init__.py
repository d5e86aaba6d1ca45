"""Rows that could not become events: written with their reason, listed, looked up."""
