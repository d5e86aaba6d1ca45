"""How fast events are written, compared with what others write for the same change."""
