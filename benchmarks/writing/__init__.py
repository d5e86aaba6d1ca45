"""How fast events are written, beside what others write for the same change."""
