"""The inventory of a large house: 10,000 people with five accounts each."""
