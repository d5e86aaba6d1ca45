"""`ata audit`."""
