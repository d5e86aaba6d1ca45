"""The slice of Management API v2 that a portal needs."""
