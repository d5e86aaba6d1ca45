"""Evidence packs: their archive, their check, and what the check says."""
