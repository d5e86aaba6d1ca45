"""The inventory of a large company: 10,000 people with five accounts each."""
