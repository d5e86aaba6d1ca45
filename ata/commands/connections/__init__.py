"""`ata connections|manifest|reviews|freeze|unfreeze`."""
