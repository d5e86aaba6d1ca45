"""The trail: filters, rows, what is new."""
