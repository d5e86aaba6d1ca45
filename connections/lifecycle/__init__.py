"""Decisions about accounts, what restricts them, and who may relax it."""
