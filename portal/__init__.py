"""Shows: settings, sign-in, pages, API, operations."""
