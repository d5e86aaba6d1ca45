"""Provider scopes: what they permit in words, and which contain others."""
