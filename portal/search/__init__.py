"""Search over everything that a person may see, by name."""
