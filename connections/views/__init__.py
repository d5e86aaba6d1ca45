"""Pages of connected accounts."""
