"""One event, its proof and its evidence."""
