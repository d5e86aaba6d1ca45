"""The ZIP of one audit and its workpaper: what they hold, and how they are made."""
