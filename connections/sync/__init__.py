"""Comparing the inventory, people and roles with Auth0, on a schedule and on demand."""
