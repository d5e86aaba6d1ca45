"""The home page, by role."""
